"""The stand-in's wire: what the Messages API takes, refuses, streams, counts and caches, in and out of the process."""

import json
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import anthropic
import httpx2
import pytest
from click.testing import CliRunner

from orders_monitor.adapters.stand_in.server import StandInServer
from orders_monitor.adapters.stand_in.service import Service
from orders_monitor.adapters.stand_in.transport import StandIn
from orders_monitor.cli.main import commands
from orders_monitor.core.drift import ColumnRenamed
from orders_monitor_tests.asked import asked
from orders_monitor_tests.cases import briefing

HEADERS = {"authorization": "Bearer offline", "anthropic-version": "2026-10-21"}
URL = "http://x/v1/messages"
HELLO = {"model": "claude-sonnet-5-5", "max_tokens": 1_000, "messages": [{"role": "user", "content": "hello"}]}
TOOL = {"name": "profile", "input_schema": {"type": "object", "properties": {}, "additionalProperties": False}}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "signals", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "{}"}]}
OTHER_RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "b", "content": "{}"}]}
LATE_RESULT = {"role": "user", "content": [{"type": "text", "text": "first this"}, *RESULT["content"]]}
LONG = [{"role": "user", "content": "hello " * 1_000}, CALL, RESULT]
MARK = {"type": "ephemeral"}


def sent(body, *, url=URL, stand_in=None, headers=HEADERS, method="POST"):
    """The response to a body, or to bytes that are none."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = (stand_in or StandIn()).handle_request(httpx2.Request(method, url, content=content, headers=headers))
    response.read()
    return response


def says(*blocks):
    """A stand-in whose mind always says this."""
    return StandIn(mind=lambda _: list(blocks))


def client(transport=None, base_url="http://x"):
    http = httpx2.Client(transport=transport)
    return anthropic.Anthropic(api_key="any", base_url=base_url, max_retries=0, http_client=http)


@pytest.fixture(scope="module")
def served():
    """An honest and a cutting stand-in at free ports of this machine."""
    servers = [StandInServer(Service(), port=0), StandInServer(Service("flaky", variant="cut"), port=0)]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}) for server in servers]
    for thread in threads:
        thread.start()
    yield [server.url for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("status", "kind", "says", "request_"),
    [
        (404, "not_found_error", "nothing at this path", {"body": HELLO, "method": "GET"}),
        (404, "not_found_error", "nothing at this path", {"body": HELLO, "url": "http://x/v1/complete"}),
        (401, "authentication_error", "a key is needed", {"body": HELLO, "headers": {"anthropic-version": "1"}}),
        (400, "invalid_request_error", "anthropic-version", {"body": HELLO, "headers": {"x-api-key": "k"}}),
        (400, "invalid_request_error", "not JSON", {"body": b"{"}),
        (400, "invalid_request_error", "not JSON", {"body": b'{"model": NaN}'}),
        (400, "invalid_request_error", "not JSON", {"body": b'{"model": "\\ud800"}'}),
        (400, "invalid_request_error", "not JSON", {"body": b"[" * 100_000}),
        (400, "invalid_request_error", "not an object", {"body": []}),
        (404, "not_found_error", "model: gpt", {"body": HELLO | {"model": "gpt"}}),
        (413, "request_too_large", "maximum size", {"body": b" " * (32 * 1024 * 1024 + 1)}),
    ],
)
def test_a_request_that_is_none_gets_the_apis_error(status, kind, says, request_):
    """Path, key, version header, size and body are asked for as the API asks for them."""
    response = sent(**request_)

    assert (status, "error", kind) == (response.status_code, response.json()["type"], response.json()["error"]["type"])
    assert says in response.json()["error"]["message"]
    assert ("honest", response.json()["request_id"]) == (
        response.headers["x-orders-monitor-stand-in"],
        response.headers["request-id"],
    )


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"model": None}, "model: Field required"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 128_001}, "128001 > 128000"),
        ({"temperature": 0.5}, "temperature: Extra inputs are not permitted"),
        ({"container": "c"}, "the stand-in does not do this"),
        ({"stream": "yes"}, "stream"),
        ({"stop_sequences": [""]}, "stop_sequences"),
        ({"system": [{"type": "image"}]}, "system.0: Input tag should be one of text"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "roles must alternate"),
        ({"messages": [{"role": "user", "content": " "}]}, "text content blocks must be non-empty"),
        ({"messages": [{"role": "user", "content": [], "name": "x"}]}, "messages.0.name: Extra inputs"),
        ({"messages": [HELLO["messages"][0], CALL]}, "must end with a user message"),
        ({"messages": [HELLO["messages"][0], CALL, {"role": "user", "content": "go on"}]}, "have its `tool_result`"),
        ({"messages": [HELLO["messages"][0], CALL, OTHER_RESULT]}, "must have its `tool_result`"),
        ({"messages": [HELLO["messages"][0], CALL, LATE_RESULT]}, "and first"),
        ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
        ({"tools": [TOOL | {"name": "a b"}]}, "tools.0.name"),
        ({"tools": [TOOL | {"strict": True, "input_schema": {"type": "object"}}]}, "'additionalProperties' must be"),
        ({"tool_choice": {"type": "none"}}, "may only be specified while providing tools"),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "cannot be forced"),
        ({"tools": [TOOL], "tool_choice": {"type": "none", "name": "x"}}, "tool_choice.name: Extra inputs"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_000}}, "budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2_000}}, "greater than thinking.budget_tokens"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"minimum": 1}}}}, "'minimum' is not"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1d"}}, "ttl of 5m or 1h"),
        ({"system": [{"type": "text", "text": "x", "cache_control": MARK}] * 5}, "A maximum of 4 blocks"),
    ],
)
def test_a_malformed_conversation_gets_the_apis_error(update, says):
    """What the API would refuse is refused, so that a mistake of ours shows offline."""
    response = sent(HELLO | update)

    assert (400, "invalid_request_error") == (response.status_code, response.json()["error"]["type"])
    assert says in response.json()["error"]["message"]


def test_a_turn_that_is_longer_than_allowed_is_cut_off():
    """`max_tokens` is kept to: the text ends there, tool calls are gone, the stop reason says so."""
    reply = sent(
        HELLO | {"max_tokens": 10}, stand_in=says({"type": "text", "text": "x" * 500}, *CALL["content"])
    ).json()

    expected = ("max_tokens", [{"type": "text", "text": "x" * 40}], 10)
    assert expected == (reply["stop_reason"], reply["content"], reply["usage"]["output_tokens"])


def test_a_stop_sequence_ends_a_text():
    """The text ends before it, and the reply says which one it was."""
    reply = sent(HELLO | {"stop_sequences": ["c", "b"]}, stand_in=says({"type": "text", "text": "abc"})).json()

    assert ("stop_sequence", "b", "a") == (reply["stop_reason"], reply["stop_sequence"], reply["content"][0]["text"])


def test_a_tool_choice_is_kept_to_by_every_mind():
    """Who may not call has to answer, and who may call one calls one."""
    calls = [CALL["content"][0], CALL["content"][0] | {"id": "b"}]
    one = {"type": "auto", "disable_parallel_tool_use": True}
    replies = [
        sent(HELLO | {"tools": [TOOL], "tool_choice": choice}, stand_in=says(*calls)).json()
        for choice in ({"type": "none"}, one, {"type": "auto"})
    ]

    assert [["text"], ["tool_use"], ["tool_use"] * 2] == [[b["type"] for b in r["content"]] for r in replies]
    assert ["end_turn", "tool_use", "tool_use"] == [reply["stop_reason"] for reply in replies]


def test_the_prompt_cache_has_what_the_request_before_sent():
    """A conversation's next request reads exactly what the one before it had, and writes the rest."""
    first = sent(HELLO | {"messages": LONG[:1], "cache_control": MARK}).json()["usage"]
    second = sent(HELLO | {"messages": LONG, "cache_control": MARK | {"ttl": "1h"}}).json()["usage"]
    counted = sent(
        {k: v for k, v in (HELLO | {"messages": LONG}).items() if k != "max_tokens"}, url=URL + "/count_tokens"
    )

    assert (0, 0) == (first["input_tokens"], first["cache_read_input_tokens"])
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 1_024
    assert counted.json()["input_tokens"] == sum(
        second[name] for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    assert {
        "ephemeral_5m_input_tokens": 0,
        "ephemeral_1h_input_tokens": second["cache_creation_input_tokens"],
    } == second["cache_creation"]


def test_a_short_prompt_or_one_without_a_mark_is_not_cached():
    """Below the least length nothing is cached, silently; without a mark never."""
    usages = [sent(HELLO | {"cache_control": MARK}).json()["usage"], sent(HELLO | {"messages": LONG}).json()["usage"]]

    assert [(0, 0)] * 2 == [(u["cache_read_input_tokens"], u["cache_creation_input_tokens"]) for u in usages]


def test_the_sdk_streams_the_same_message(served):
    """Text and tool calls arrive in pieces, over the socket too, and add up to what is said at once."""
    blocks = [{"type": "text", "text": "naïve " * 20}, CALL["content"][0] | {"input": {"columns": ["a" * 90]}}]
    with client(says(*blocks)).messages.stream(**HELLO) as stream:
        streamed = stream.get_final_message().to_dict()
    at_once = client(says(*blocks)).messages.create(**HELLO).to_dict()
    events = sent(HELLO | {"stream": True}).text
    with closing(client(base_url=served[0])) as sdk, sdk.messages.stream(**HELLO) as stream:
        over_the_socket = stream.get_final_message().content[0].text

    assert at_once["content"] == streamed["content"]
    assert (at_once["usage"]["output_tokens"], "tool_use") == (
        streamed["usage"]["output_tokens"],
        streamed["stop_reason"],
    )
    names = [line.removeprefix("event: ") for line in events.splitlines() if line.startswith("event: ")]
    assert ["message_start", "ping", "content_block_start", "content_block_delta"] == names[:4]
    assert ["content_block_stop", "message_delta", "message_stop"] == names[-3:]
    assert client(StandIn()).messages.create(**HELLO).content[0].text == over_the_socket


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_that_is_cut_is_a_broken_connection(served, stream):
    """In the process and over the socket alike: half of the reply, then nothing."""
    for url, transport in (("http://x", StandIn("flaky", variant="cut")), (served[1], None)):
        with closing(httpx2.Client(transport=transport)) as http, pytest.raises(httpx2.RemoteProtocolError):
            http.post(f"{url}/v1/messages", json=HELLO | {"stream": stream}, headers=HEADERS)


def test_a_spend_limit_is_the_sdks_own_error():
    """The error's code and its header are the API's: the SDK knows it by name and does not retry."""
    transport = StandIn("flaky", variant="spend_limit")
    with pytest.raises(anthropic.EnforcedSpendLimitReachedError):
        anthropic.Anthropic(
            api_key="any", max_retries=2, http_client=httpx2.Client(transport=transport)
        ).messages.create(**HELLO)


def test_the_socket_and_the_process_give_the_same_investigation(served):
    """The same conversation with the same replies, down to what is written down of it."""
    case = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),))

    inside, outside = asked(case, StandIn()), asked(case, None, base_url=served[0])

    assert ("answered", inside.investigation, inside.events) == (
        outside.investigation.ending,
        outside.investigation,
        outside.events,
    )


def test_a_port_that_is_taken_is_one_sentence(served):
    """`stand-in serve` says so and ends with 1; a variant that is none is a wrong command."""
    taken = CliRunner().invoke(commands, ["stand-in", "serve", "--port", served[0].rpartition(":")[2]])
    wrong = CliRunner().invoke(commands, ["stand-in", "serve", "--mode", "liar", "--variant", "cut"])

    port = served[0].rpartition(":")[2]
    assert (1, f"port {port} cannot be served: address already in use\n") == (taken.exit_code, taken.output)
    assert (2, True) == (wrong.exit_code, "liar has no variant 'cut'; there are: none" in wrong.output)


@pytest.mark.slow
def test_ctrl_c_stops_the_served_stand_in(tmp_path):
    """The installed command says what it is and how it is asked, answers, and ends with 0 when it is interrupted."""
    script = Path(sys.executable).with_name("orders-monitor")
    command = [script, "stand-in", "serve", "--port", "0", "--mode", "refuser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        first = process.stdout.readline()
        url = first.split(" answers at ")[1].split(": ")[0]
        reply = httpx2.post(f"{url}/v1/messages", json=HELLO, headers=HEADERS, timeout=30)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert ("refuser", "refusal") == (reply.headers["x-orders-monitor-stand-in"], reply.json()["stop_reason"])
    assert first.startswith("the stand-in, not a model, answers at http://127.0.0.1:")
    assert f"ORDERS_MONITOR_MODEL=stand-in ORDERS_MONITOR_MODEL_URL={url}\n" in rest
    assert 0 == process.returncode
