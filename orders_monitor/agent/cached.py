"""A model whose answers are kept: the same words to the same model under the same release are sent once."""

import json

from orders_monitor.agent import prompts
from orders_monitor.agent.model import AssistantTurn, Digests, Model, Reply, Request, reply_of
from orders_monitor.agent.record import Cache
from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import Attempt
from orders_monitor.core.release import Release
from orders_monitor.core.value import canonical_json, digest_of


def question_key(request_digest: str, *, release: Release, model: str) -> str:
    """The name of a question to a model: the same words, to the same model, under the same release."""
    return f"model {digest_of([request_digest, release.digest, model])}"


def lease_s_of(release: Release) -> float:
    """Longer than a step of the model takes, with every attempt and every wait between."""
    return 3.0 * release.guardrails.reply_timeout_s + 30.0


class CachedModel:
    """A Model that asks each question once. Only a tool call or a well-formed answer is kept."""

    def __init__(self, model: Model, cache: Cache, *, release: Release) -> None:
        self._model, self._cache, self._release = model, cache, release
        self._digests = Digests()
        self._asked = False

    @property
    def name(self) -> str:
        """The model's own."""
        return self._model.name

    def reply(self, request: Request, *, step: int) -> Reply:
        """The next turn; nothing is sent, and nothing reserved, where the question was asked before."""
        made: list[Reply] = []

        def make() -> str:
            made.append(self._model.reply(request, step=step))
            if not _is_worth_keeping(made[0]):
                raise _NotKept
            return canonical_json([made[0].stop, made[0].turn.content_json])

        digest, _ = self._digests.of(request)
        key = question_key(digest, release=self._release, model=self.name)
        self._asked = True
        try:
            body, _ = self._cache.once(key, make)
        except _NotKept:
            return made[0]
        if made:
            return made[0]
        self._asked = False
        return _reply_of(body)

    def attempts(self) -> tuple[Attempt, ...]:
        """The HTTP attempts of the last step; none where it was answered from before."""
        return self._model.attempts() if self._asked else ()

    def spend(self) -> Spend:
        """The model's own."""
        return self._model.spend()

    def close(self) -> None:
        """Close the model."""
        self._model.close()


class _NotKept(Exception):
    """The reply is passed on and not kept: asked again, the model may do better."""


def _is_worth_keeping(reply: Reply) -> bool:
    if reply.stop == "tool_use":
        return bool(reply.calls)
    return reply.stop == "end_turn" and not isinstance(prompts.read_answer(reply.text), str)


def _reply_of(body: str) -> Reply:
    stop, turn = json.loads(body)
    return reply_of(stop, AssistantTurn(turn), cached=True)
