"""Who may decide, and how it is known that it was they: reviewers with roles and keys, and what a signature is over.

A reviewer signs the text of one decision, which names the digest, the verdict and the newest decision that was there
before: the signature is good for these bytes, this answer and this moment. Where an authenticating proxy says who
somebody is, the review page's own key vouches for it. Only in the development environment is a bare name enough.
"""

import binascii
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from orders_monitor.core.environment import Environment
from orders_monitor.core.modes import MODES
from orders_monitor.core.review import EXPIRY, NOT_PEOPLE, POLICY, Asked, Decision
from orders_monitor.core.value import Value, canonical_json

Role = Literal["viewer", "reviewer", "lead"]
# Whether this public key signed this text: `adapters.signing.is_signed`.
Verify = Callable[[str, str, str], bool]
PROXY = "proxy"
_NAME = re.compile(r"[a-z][a-z0-9_.@-]{0,99}")
# 32 bytes in base64.
_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_P = 2**255 - 19
_ORDER_8 = 55188659117513257062467267217118295137698188065244968500265048394206261417927
# Anybody can sign for a point of small order, and RFC 8032 asks no verifier to refuse one: those of order 1, 2, 4 and 8
# by their y in every encoding (Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs, 2020, table 1).
_SMALL_ORDER = frozenset(
    y | sign << 255 for y in (0, 1, _P - 1, _P, _P + 1, _ORDER_8, _P - _ORDER_8) for sign in (0, 1)
)


def _a_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is no reviewer's name: a small letter, then up to 99 of a-z, 0-9 and _.@-")
    if is_nobodys(name):
        raise ValueError(f"{name!r} is nobody's name: the system itself answers by it")
    return name


def _a_key(key: str) -> str:
    if key and not _KEY.fullmatch(key):
        raise ValueError("it is no Ed25519 public key: 32 bytes in base64, as `orders-monitor reviewer add` writes it")
    if key and int.from_bytes(binascii.a2b_base64(key), "little") in _SMALL_ORDER:
        raise ValueError("anybody can sign for this key: it is a point of small order")
    return key


def _a_mode(mode: str) -> str:
    if mode not in MODES:
        raise ValueError(
            f"{mode[:100]!r} is no failure mode, kind of signal or kind of drift: {', '.join(sorted(MODES))}"
        )
    return mode


Name = Annotated[str, AfterValidator(_a_name)]
PublicKey = Annotated[str, AfterValidator(_a_key)]
Mode = Annotated[str, AfterValidator(_a_mode)]


class Reviewer(Value):
    """A person of the reviewers file. `key` is an Ed25519 public key, base64; `tables` are names, or `*` for all.

    A viewer may look, a reviewer decide what is assigned to them or to nobody, a lead decide everything.
    """

    name: Name
    roles: tuple[Role, ...] = Field(default=("reviewer",), min_length=1)
    tables: tuple[str, ...] = Field(default=("*",), min_length=1)
    key: PublicKey = ""

    def may_decide(self, table: str) -> bool:
        """Whether this person decides on that table at all."""
        return bool({"reviewer", "lead"} & set(self.roles)) and bool({"*", table} & set(self.tables))

    def is_lead(self, table: str) -> bool:
        """Whether this person decides also what is assigned to others."""
        return "lead" in self.roles and self.may_decide(table)


class Reviewers(Value):
    """The reviewed file of reviewers. `page_key` is the public key of the review page, which vouches for a proxy."""

    reviewers: tuple[Reviewer, ...] = ()
    page_key: PublicKey = ""

    @model_validator(mode="after")
    def _names_and_keys_are_their_own(self) -> "Reviewers":
        names = [reviewer.name for reviewer in self.reviewers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two reviewers are called {twice!r}")
        keys = [key for key in (*(reviewer.key for reviewer in self.reviewers), self.page_key) if key]
        shared = next((reviewer.name for reviewer in self.reviewers if keys.count(reviewer.key) > 1), None)
        if shared is not None:
            raise ValueError(f"the key of {shared!r} is somebody else's too: with one key one person could be two")
        return self

    def find(self, name: str) -> Reviewer | None:
        """The reviewer of that name."""
        return next((reviewer for reviewer in self.reviewers if reviewer.name == name), None)


class Assignment(Value):
    """Whose cases these are: `when` are failure modes or kinds of signals; without any, all cases of the table."""

    reviewers: tuple[Name, ...] = Field(min_length=1)
    when: tuple[Mode, ...] = ()


class Review(Value):
    """What a table says about its review: whose cases which are. What is assigned to nobody is for any reviewer."""

    assigned: tuple[Assignment, ...] = ()


def is_nobodys(name: str) -> bool:
    """Whether that is a name by which the system itself answers, however it is written."""
    return "".join(filter(str.isalnum, name.casefold())) in NOT_PEOPLE


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


def why_untrusted(
    decision: Decision, asked: Asked, reviewers: Reviewers, *, environment: Environment, verify: Verify
) -> str | None:
    """Why this decision counts for nothing: one sentence, or None for one that counts. `asked` is of its digest.

    The policy's counts only where the policy, asked again, lets the plan through (`review.Asked`); the clock's only
    rejects.
    """
    if decision.reviewer == POLICY:
        return None
    if decision.reviewer == EXPIRY:
        return None if decision.verdict == "reject" else "the end of a deadline approves nothing"
    return _why_not_assigned(decision, asked, reviewers) or _why_unproved(decision, reviewers, environment, verify)


def _why_not_assigned(decision: Decision, asked: Asked, reviewers: Reviewers) -> str | None:
    if not asked.assigned or decision.reviewer in asked.assigned:
        return None
    person = reviewers.find(decision.reviewer)
    if person is not None and person.is_lead(decision.table):
        return None
    return f"{decision.reviewer} does not decide this case: it is assigned to {', '.join(asked.assigned)}"


def _why_unproved(decision: Decision, reviewers: Reviewers, environment: Environment, verify: Verify) -> str | None:
    if environment == "dev" and not decision.signature:
        return None
    person = reviewers.find(decision.reviewer)
    if person is None:
        return f"{decision.reviewer} is not in the reviewers file"
    if not person.may_decide(decision.table):
        return f"{decision.reviewer} does not decide on {decision.table}"
    if not decision.signature:
        return f"the decision of {decision.reviewer} is not signed"
    key = reviewers.page_key if is_vouched(decision) else person.key
    if not key:
        return f"there is no key of {'the review page' if is_vouched(decision) else decision.reviewer}"
    if not verify(key, signed_text(decision, environment=environment), decision.signature):
        return f"the signature is not one of {decision.reviewer} on this decision"
    return None
