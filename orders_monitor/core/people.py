"""Who may decide, and how it is known that it was they: reviewers with roles and keys, and what a signature is over.

A reviewer signs the text of one decision, which names the digest, the verdict and the newest decision that was there
before: the signature is good for these bytes, this answer and this moment. Where an authenticating proxy says who
somebody is, the review page's own key vouches for it. Only in the development environment is a bare name enough.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import Field, model_validator

from orders_monitor.core.environment import Environment
from orders_monitor.core.review import EXPIRY, NOT_PEOPLE, POLICY, Decision
from orders_monitor.core.value import Value, canonical_json

Role = Literal["viewer", "reviewer", "lead"]
# Whether this public key signed this text: `adapters.signing.is_signed`.
Verify = Callable[[str, str, str], bool]
PROXY = "proxy"


class Reviewer(Value):
    """A person of the reviewers file. `key` is an Ed25519 public key, base64; `tables` are names, or `*` for all.

    A viewer may look, a reviewer decide what is assigned to them or to nobody, a lead decide everything.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_.@-]{0,99}$")
    roles: tuple[Role, ...] = ("reviewer",)
    tables: tuple[str, ...] = ("*",)
    key: str = ""

    def may_decide(self, table: str) -> bool:
        """Whether this person decides on that table at all."""
        return bool({"reviewer", "lead"} & set(self.roles)) and bool({"*", table} & set(self.tables))


class Reviewers(Value):
    """The reviewed file of reviewers. `page_key` is the public key of the review page, which vouches for a proxy."""

    reviewers: tuple[Reviewer, ...] = ()
    page_key: str = ""

    @model_validator(mode="after")
    def _names_are_their_own(self) -> "Reviewers":
        names = [reviewer.name for reviewer in self.reviewers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two reviewers are called {twice!r}")
        taken = next((name for name in names if name in NOT_PEOPLE), None)
        if taken is not None:
            raise ValueError(f"{taken!r} is nobody's name: the system itself answers by it")
        return self

    def find(self, name: str) -> Reviewer | None:
        """The reviewer of that name."""
        return next((reviewer for reviewer in self.reviewers if reviewer.name == name), None)


class Assignment(Value):
    """Whose cases these are: `when` are failure modes or kinds of signals; without any, all cases of the table."""

    reviewers: tuple[str, ...] = Field(min_length=1)
    when: tuple[str, ...] = ()


def assigned(assignments: Iterable[Assignment], modes: Iterable[str]) -> tuple[str, ...]:
    """The reviewers of a case of these failure modes and signal kinds; nobody where anybody may decide."""
    found = [a.reviewers for a in assignments if not a.when or set(a.when) & set(modes)]
    return tuple(dict.fromkeys(name for names in found for name in names))


def signed_text(decision: Decision, *, environment: Environment) -> str:
    """What a signature of this decision is over: everything but its id, its time and the signature itself."""
    return canonical_json(
        {
            "table": decision.table,
            "partition": decision.partition,
            "environment": environment,
            "digest": decision.digest,
            "verdict": decision.verdict,
            "reviewer": decision.reviewer,
            "note": decision.note,
            "seen": decision.seen,
            "vouched": is_vouched(decision),
        }
    )


def is_vouched(decision: Decision) -> bool:
    """Whether the review page says who decided, and not the person's own key."""
    return decision.source == PROXY


def why_untrusted(decision: Decision, reviewers: Reviewers, *, environment: Environment, verify: Verify) -> str | None:
    """Why this decision counts for nothing: one sentence, or None for one that counts.

    The policy's counts only where the policy, asked again, lets the plan through (`review.Asked`); the clock's only
    rejects.
    """
    if decision.reviewer == POLICY:
        return None
    if decision.reviewer == EXPIRY:
        return None if decision.verdict == "reject" else "the end of a deadline approves nothing"
    person = reviewers.find(decision.reviewer)
    key = reviewers.page_key if is_vouched(decision) else "" if person is None else person.key
    if environment == "dev" and not decision.signature:
        return None
    if person is None:
        return f"{decision.reviewer} is not in the reviewers file"
    if not person.may_decide(decision.table):
        return f"{decision.reviewer} does not decide on {decision.table}"
    if not decision.signature:
        return f"the decision of {decision.reviewer} is not signed"
    if not key:
        return f"there is no key of {'the review page' if is_vouched(decision) else decision.reviewer}"
    if not verify(key, signed_text(decision, environment=environment), decision.signature):
        return f"the signature is not one of {decision.reviewer} on this decision"
    return None
