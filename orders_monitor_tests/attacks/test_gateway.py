"""What a gateway may do to who asks it: hide gigabytes in a reply, drip headers for ever, say our key, bill a month."""

import socket
import threading
import time
import zlib
from contextlib import closing, suppress

import httpx2
import pytest

from orders_monitor.adapters.claude.model import open_model
from orders_monitor.core.errors import ModelUnavailable
from orders_monitor.core.table import Budget
from orders_monitor_tests.adapters.test_claude import RUN, ask, asked, message
from orders_monitor_tests.cases import release
from orders_monitor_tests.fakes import MemoryLedger

KEY = "key-canary-0123456789"


def outcome_of(*, transport=None, base_url=None):
    """What one question to the release's model comes to, and its ledger; it has a second."""
    quick = release().guardrails.model_copy(update={"reply_timeout_s": 1})
    ledger = MemoryLedger()
    model = open_model(
        release().model_copy(update={"guardrails": quick}),
        api_key=KEY,
        transport=transport,
        base_url=base_url,
        ledger=ledger,
        run=RUN,
        limits=Budget().limits,
    )
    with closing(model), pytest.raises(ModelUnavailable) as unavailable:
        model.reply(asked(), step=1)
    return unavailable.value.why, ledger.spend("run")


def test_a_compressed_reply_is_not_unpacked():
    """Ten gigabytes of spaces travel in ten megabytes: nothing is asked for compressed, and nothing such is read."""
    seen, unpacked = [], zlib.compress(b" " * 1_000_000)

    def answer(request):
        seen.append(request.headers["accept-encoding"])
        return httpx2.Response(200, headers={"content-encoding": "deflate"}, stream=Pieces(unpacked))

    why, spend = outcome_of(transport=httpx2.MockTransport(answer))

    assert (["identity"], "the connection failed (RemoteProtocolError); the reservation stays") == (seen, why)
    assert 0 < spend.reserved_tokens


class Pieces(httpx2.SyncByteStream):
    """A body that is not to be read."""

    def __init__(self, piece):
        self.piece = piece

    def __iter__(self):
        raise AssertionError("it was read")


def test_a_reply_that_quotes_the_key_is_not_written_down():
    """A gateway that echoes what it was sent: text, model or stop reason would carry the key into the journal."""
    for echo in ({"model": KEY}, {"stop_reason": KEY}, {"content": [{"type": "text", "text": KEY}]}):
        why, _ = outcome_of(transport=httpx2.MockTransport(lambda _, echo=echo: message(**echo)))

        assert "its reply quotes the key that it was asked with; the reservation stays" == why


def test_one_reply_does_not_bill_the_month():
    """More than any model can read and write is no count: refused, and held at what was possible."""
    outcome, ledger, _ = ask(message(usage={"input_tokens": 2_000_000, "output_tokens": 1}))

    assert "its reply does not say what it used; the reservation stays" == outcome.why
    assert (0, True) == (ledger.spend("run").spent_tokens, ledger.spend("run").reserved_tokens > 0)


@pytest.mark.slow  # a real socket and two real seconds each
@pytest.mark.parametrize("drop", [b"x-drop: 1\r\n", b"\r\nHTTP/1.1 103 Early Hints\r\n"], ids=["headers", "hints"])
def test_headers_that_never_end_are_given_up(drop):
    """Each piece restarts a read timeout: a reply whose headers drip has the release's time, and not for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server, drop), daemon=True).start()
        began = time.monotonic()
        why, spend = outcome_of(base_url=f"http://127.0.0.1:{server.getsockname()[1]}")

    assert "the connection failed (RemoteProtocolError); the reservation stays" == why
    assert 4 > time.monotonic() - began
    assert 0 < spend.reserved_tokens


def drip(server, drop):
    """Take one request and answer it with drops, ten seconds long."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n")
        for _ in range(50):
            time.sleep(0.2)
            connection.sendall(drop)
