"""The Messages API as a function: a request's method, path, headers and bytes in, what goes over the wire out.

The way of a request: `transport` or `server` -> `service` -> `checks` -> a mode's mind -> `reply` -> `events`.
"""

import threading
from collections import Counter
from collections.abc import Mapping

from orders_monitor.adapters.stand_in import checks, diagnosis, events, reply, wire
from orders_monitor.adapters.stand_in.conversation import turns
from orders_monitor.adapters.stand_in.hostile import Mind
from orders_monitor.adapters.stand_in.modes import mode_of
from orders_monitor.adapters.stand_in.weather import Moment
from orders_monitor.adapters.stand_in.wire import Json, Refused, Silent, Wire

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"


class Service:
    """Answers as the mode does. It remembers nothing but how often the same request came."""

    def __init__(self, mode: str = "honest", *, variant: str | None = None, mind: Mind | None = None) -> None:
        self.mode = mode_of(mode, variant)
        self._mind = mind or self.mode.mind
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> Wire:
        """One response; header names in lower case."""
        request_id = wire.request_id(method, path, content)
        said = {wire.STAND_IN_HEADER: self.mode.name, "request-id": request_id}
        try:
            _check_door(method, path, headers)
            if path == COUNT:
                return wire.of_json(200, {"input_tokens": reply.prompt_tokens(checks.count_body(content))}, said)
            return self._message(checks.message_body(content), said)
        except Refused as refused:
            return wire.of_refusal(refused, said)
        except Silent:
            return Wire(status=200, headers=said, broken="silent")

    def _message(self, body: Json, said: Mapping[str, str]) -> Wire:
        cut = self.mode.weather(Moment(step=turns(body) + 1, attempt=self._attempt(said["request-id"])))
        message = self.mode.bend(reply.message(self._turn(body), body=body), body)
        answered = (
            wire.of_events(events.of_message(message), said) if body.get("stream") else wire.of_json(200, message, said)
        )
        return wire.cut(answered) if cut else answered

    def _turn(self, body: Json) -> list[Json]:
        """The mind's turn, as far as the request's `tool_choice` lets it; who may not ask has to answer."""
        return reply.permitted(self._mind(body), body=body) or diagnosis.next_turn(body)

    def _attempt(self, request_id: str) -> int:
        with self._lock:
            self._seen[request_id] += 1
            return self._seen[request_id]


def _check_door(method: str, path: str, headers: Mapping[str, str]) -> None:
    """What the API asks of any request. Raises Refused."""
    if method != "POST" or path not in (MESSAGES, COUNT):
        raise Refused(404, "there is nothing at this path")
    if not headers.get("authorization") and not headers.get("x-api-key"):
        raise Refused(401, "a key is needed, any text")
    if not headers.get("anthropic-version"):
        raise Refused(400, "anthropic-version: header is required")
