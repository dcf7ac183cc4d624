"""A request as the Messages API takes it. What the request before said already is not written out again."""

import json
from typing import Any

from pydantic import RootModel

from orders_monitor.agent.model import AssistantTurn, Message, Request, ToolResults, ToolSpec, UserText


class Plain(RootModel[Any]):
    """A part of a request that is plain JSON already, and that nobody changes.

    The SDK copies every dict and list of a request, each by itself; of a model it takes what the model says it is.
    """

    def model_dump(self, **_: Any) -> Any:
        """The part itself: no copy."""
        return self.root


class Wire:
    """The requests of one conversation."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._tools: tuple[tuple[ToolSpec, ...], Plain] = ((), Plain([]))
        self._said: list[tuple[Message, dict[str, Any]]] = []

    def of(self, request: Request) -> dict[str, Any]:
        """The arguments of `messages.create`."""
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.output_tokens_max,
            "cache_control": {"type": "ephemeral"},
            "system": request.system,
            "messages": self._messages(request.messages),
            "tools": self._declared(request.tools),
            "output_config": Plain({"format": {"type": "json_schema", "schema": dict(request.answer_schema)}}),
        }
        if request.last_word is not None:
            # The tools stay declared: the conversation has their calls in it, and the prompt cache begins with them.
            body |= {"tool_choice": {"type": "none"}, "messages": _closed(body["messages"], request.last_word)}
        return body | {"messages": Plain(body["messages"])}

    def _declared(self, tools: tuple[ToolSpec, ...]) -> Plain:
        if self._tools[0] is not tools:
            declared = [
                {"name": t.name, "description": t.description, "input_schema": dict(t.input_schema), "strict": True}
                for t in tools
            ]
            self._tools = (tools, Plain(declared))
        return self._tools[1]

    def _messages(self, messages: tuple[Message, ...]) -> list[dict[str, Any]]:
        same = 0
        for (before, _), now in zip(self._said, messages, strict=False):
            if before is not now:
                break
            same += 1
        self._said[same:] = [(message, _message(message)) for message in messages[same:]]
        return [said for _, said in self._said]


def _closed(messages: list[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """The messages with our words at the end of the last one that is ours."""
    *earlier, last = messages
    block = {"type": "text", "text": words}
    if last["role"] != "user":
        return [*messages, {"role": "user", "content": [block]}]
    content = last["content"]
    said = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*earlier, {"role": "user", "content": [*said, block]}]


def _message(message: Message) -> dict[str, Any]:
    match message:
        case UserText(text):
            return {"role": "user", "content": text}
        case AssistantTurn(content_json):
            return {"role": "assistant", "content": json.loads(content_json)}
        case ToolResults(results):
            blocks = [
                {"type": "tool_result", "tool_use_id": r.call_id, "content": r.text, "is_error": r.refused}
                for r in results
            ]
            return {"role": "user", "content": blocks}
