"""Replies that are not what they should be, whatever mind spoke: bent after they were made, before they are sent."""

from collections.abc import Callable, Mapping

from orders_monitor.adapters.stand_in.wire import Json

Bend = Callable[[Json, Json], Json]
"""(the honest message, the request's body) -> the message that is sent."""

_ANOTHER_MODEL = ("claude-haiku-5-5", "claude-sonnet-5-5")


def straight(message: Json, _: Json) -> Json:
    """As it is."""
    return message


def truncated(message: Json, body: Json) -> Json:
    """Out of tokens in the middle of a call: the call's arguments end where the tokens did."""
    calls = [{**block, "input": {}} for block in message["content"] if block["type"] == "tool_use"]
    text = [
        {**block, "text": block["text"][: len(block["text"]) // 2 + 1]}
        for block in message["content"]
        if block["type"] == "text"
    ]
    usage = {**message["usage"], "output_tokens": body["max_tokens"]}
    return {**message, "content": [*text, *calls[:1]], "stop_reason": "max_tokens", "usage": usage}


def refused(message: Json, _: Json) -> Json:
    """The model will not answer, and says so by the stop reason alone."""
    details = {"type": "refusal", "category": "general_harms", "explanation": "the stand-in refuses on purpose"}
    usage = {**message["usage"], "output_tokens": 1}
    return {**message, "content": [], "stop_reason": "refusal", "stop_details": details, "usage": usage}


def impostor(message: Json, body: Json) -> Json:
    """Another model answers than the one that was asked."""
    return {**message, "model": next(model for model in _ANOTHER_MODEL if model != body["model"])}


def overbilled(message: Json, body: Json) -> Json:
    """More than the prompt has bytes and more than `max_tokens`: nothing can have used that."""
    usage = message["usage"]
    prompt = 10 * (usage["input_tokens"] + usage["cache_creation_input_tokens"] + usage["cache_read_input_tokens"])
    return {**message, "usage": {**usage, "input_tokens": prompt + 10_000, "output_tokens": 2 * body["max_tokens"]}}


def _with_usage(**changes: object) -> Bend:
    return lambda message, _: {**message, "usage": {**message["usage"], **changes}}


# Usage that is no usage, for which nothing may be settled.
NONSENSE: Mapping[str, Bend] = {
    "not_a_number": _with_usage(input_tokens="NaN"),
    "negative": _with_usage(output_tokens=-1),
    "endless": _with_usage(input_tokens=10**30),
    "half": _with_usage(input_tokens=10.5),
    "split": _with_usage(cache_creation_input_tokens=7),
    "missing": lambda message, _: {**message, "usage": None},
}
