"""The Messages API through the anthropic SDK, with every HTTP attempt paid from the ledger before it is sent.

The SDK costs 1.7 s of CPU to import: it is imported when a model is opened, and not before.
"""

import re
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from orders_monitor.adapters.claude.bounded import give_up_late
from orders_monitor.adapters.claude.till import ATTEMPTS_MAX, Till
from orders_monitor.adapters.claude.wire import Wire
from orders_monitor.agent.model import AssistantTurn, Model, Reply, Request, reply_of
from orders_monitor.core.budget import Ledger, Limits, RunScope
from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import Attempt
from orders_monitor.core.release import Release
from orders_monitor.core.value import canonical_json

if TYPE_CHECKING:
    import anthropic
    import httpx2

PUBLIC_API = "https://api.anthropic.com"
RETRY_AFTER_S_MAX = 4.0
KEY_CHARACTERS_MIN = 16  # a shorter one is nobody's secret, and may be a word
# What a stand-in says of itself in every response: nobody else does.
STAND_IN_HEADER = "x-orders-monitor-stand-in"
_RETRYABLE = frozenset({429, 500, 503, 529})
# The 429 that no waiting helps: the money of the month is spent.
SPEND_LIMITS = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
_SENT = frozenset(
    {
        b"accept",
        b"anthropic-version",
        b"connection",
        b"content-length",
        b"content-type",
        b"host",
        b"transfer-encoding",
        b"user-agent",
    }
)


class _Retry(NamedTuple):
    """The attempt failed before any output; another may follow after that many seconds."""

    after_s: float
    why: str


def open_model(
    release: Release,
    *,
    api_key: str,
    transport: "httpx2.BaseTransport | None",
    ledger: Ledger,
    run: RunScope,
    limits: Limits,
    recorded_as: str | None = None,
    base_url: str | None = None,
    open_telemetry: Mapping[str, Any] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Model:
    """The release's pinned model for one run, within the run's limits.

    `transport` None is the network, at `base_url` (None: the public API); a stand-in is another transport or another
    address, and then `recorded_as` says so wherever the model is written down. `open_telemetry` is the SDK's own
    option; None traces nothing. No environment variable chooses key, address or headers. Nothing is sent before the
    first reply.
    """
    import anthropic  # noqa: PLC0415  # 1.7 s of CPU, only for who asks the model
    import httpx2  # noqa: PLC0415  # comes with anthropic

    timeout_s = float(release.guardrails.reply_timeout_s)
    till = Till(release=release, ledger=ledger, run=run, limits=limits, name=recorded_as or release.model)

    ours = ((b"Accept-Encoding", b"identity"), (b"Authorization", f"Bearer {api_key}".encode()))

    def only_ours(request: "httpx2.Request") -> None:
        sent = [(name, value) for name, value in request.headers.raw if _is_sent(name)]
        request.headers = httpx2.Headers([*sent, *ours], encoding=request.headers.encoding)

    hooks = give_up_late(timeout_s=timeout_s, clock=clock)
    # The SDK puts ANTHROPIC_CUSTOM_HEADERS on every request, whatever it is told.
    hooks["request"].append(only_ours)
    client = anthropic.Anthropic(
        api_key=api_key,
        base_url=base_url or PUBLIC_API,
        max_retries=0,  # the SDK retries timeouts, unpaid, and obeys a retry-after of a day
        timeout=timeout_s,
        http_client=httpx2.Client(transport=transport, timeout=timeout_s, event_hooks=hooks, follow_redirects=False),
        middleware=[till.pay, _as_named(till, stand_in=recorded_as is not None, api_key=api_key)],
        open_telemetry=False if open_telemetry is None else dict(open_telemetry),  # type: ignore[arg-type]  # as given
    )
    return _Claude(client=client, till=till, release=release, sleep=sleep)


@cache
def _is_sent(header: bytes) -> bool:
    header = header.lower()
    return header in _SENT or header.startswith(b"x-stainless-")


def _as_named(till: Till, *, stand_in: bool, api_key: str) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """The middleware that takes no stand-in's word for the pinned model's, nor another's for the stand-in's.

    Nor is a reply read that quotes our key: replies are written down.
    """

    def middleware(request: Any, call_next: Callable[[Any], Any]) -> Any:
        response = call_next(request)
        says_so, failed = STAND_IN_HEADER in response.headers, response.status_code >= 400  # noqa: PLR2004  # HTTP's errors
        if (
            not (stand_in or failed)
            and len(api_key) >= KEY_CHARACTERS_MIN
            and api_key.encode() in response.http_response.content
        ):
            raise till.unavailable("its reply quotes the key that it was asked with; the reservation stays")
        if says_so and not stand_in:
            raise till.unavailable("a stand-in answered in its place; the reservation stays", "impostor")
        if stand_in and not (says_so or failed):
            raise till.unavailable(
                "what answered is no stand-in, and may cost money; the reservation stays", "impostor"
            )
        return response

    return middleware


class _Claude:
    """The model behind the SDK, turned into the loop's values."""

    def __init__(
        self, *, client: "anthropic.Anthropic", till: Till, release: Release, sleep: Callable[[float], None]
    ) -> None:
        self._client, self._till, self._sleep = client, till, sleep
        self._wire = Wire(release.model)
        # The till reads the reply as it came: nobody needs the SDK's classes of it.
        self._create = client.messages.with_raw_response.create

    @property
    def name(self) -> str:
        return self._till.name

    def spend(self) -> Spend:
        return self._till.spend()

    def attempts(self) -> tuple[Attempt, ...]:
        return self._till.attempts()

    def close(self) -> None:
        try:
            self._till.close()
        finally:
            self._client.close()

    def reply(self, request: Request, *, step: int) -> Reply:
        self._till.step, self._till.last_word = step, request.last_word is not None
        for attempt in range(1, ATTEMPTS_MAX + 1):
            self._till.attempt = attempt
            outcome = self._attempt(request)
            if isinstance(outcome, Reply):
                return outcome
            if attempt == ATTEMPTS_MAX or outcome.after_s > RETRY_AFTER_S_MAX:
                raise self._till.unavailable(outcome.why)
            self._sleep(outcome.after_s)
        raise AssertionError  # the last attempt returned or raised

    def _attempt(self, request: Request) -> Reply | _Retry:
        import anthropic  # noqa: PLC0415  # open_model imported it already

        try:
            self._create(**self._wire.of(request))
        except anthropic.APITimeoutError as error:
            raise self._till.unavailable(
                "no answer in time; what it used is not known, the reservation stays"
            ) from error
        except anthropic.APIStatusError as error:
            return self._failed(error)
        except anthropic.APIError as error:
            why = f"the connection failed ({type(error.__cause__ or error).__name__}); the reservation stays"
            raise self._till.unavailable(why) from error
        return self._read(self._till.answer)

    def _failed(self, error: "anthropic.APIStatusError") -> _Retry:
        why = f"HTTP {error.status_code}: {_word(error.error_code) or _word(error.type) or 'error'}"
        final = error.response.headers.get("x-should-retry") == "false" or error.error_code in SPEND_LIMITS
        if error.status_code not in _RETRYABLE or final:
            raise self._till.unavailable(why) from error
        after_s = _retry_after_s(error.response.headers.get("retry-after"), attempt=self._till.attempt)
        return _Retry(after_s, f"{why}; it asks to wait {after_s:,.0f} s")

    def _read(self, said: Mapping[str, Any]) -> Reply:
        try:
            turn = canonical_json(said.get("content"))
            turn.encode()
        except ValueError as error:
            raise self._till.unavailable("its reply holds what JSON cannot say") from error
        try:
            return reply_of(said.get("stop_reason"), AssistantTurn(turn))
        except ValueError as error:
            raise self._till.unavailable(str(error)) from error


def _word(text: object) -> str | None:
    """A name of an error as the API writes them; whatever else came in its place is not quoted."""
    return text if isinstance(text, str) and re.fullmatch(r"[a-z_]{1,60}", text) else None


def _retry_after_s(header: str | None, *, attempt: int) -> float:
    """Seconds to wait: what the server says; 1, 2, ... where it says nothing; a day where it says no number."""
    if header is None:
        return float(attempt)
    return float(header) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", header) else 86_400.0
