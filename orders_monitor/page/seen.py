"""What somebody saw when they pressed a button, and what of it is another now."""

from pydantic import ValidationError

from orders_monitor.core.casebook import CaseView
from orders_monitor.core.value import Value, canonical_json

ACTIONS_MAX, CHARACTERS_MAX = 20, 200


class Seen(Value):
    """The part of a case that travels with its form, so that a stale page can say what changed."""

    release: str
    plan: str
    actions: tuple[str, ...]
    rows: tuple[int, ...]

    @classmethod
    def of(cls, view: CaseView) -> "Seen":
        """What the page of this case shows."""
        counts = view.rows
        return cls(
            release=view.release,
            plan=view.plan_digest,
            actions=tuple(action.sentence[:CHARACTERS_MAX] for action in view.actions[:ACTIONS_MAX]),
            rows=() if counts is None else (counts.landed, counts.to_publish, counts.set_aside, counts.duplicates),
        )

    @property
    def text(self) -> str:
        """As it travels."""
        return canonical_json(self.model_dump(mode="json"))


def read_seen(text: str) -> Seen | None:
    """What travelled; None where it is not of ours."""
    try:
        return Seen.model_validate_json(text)
    except ValidationError:
        return None


def changes(then: Seen, view: CaseView) -> tuple[str, ...]:
    """What is another than it was, a sentence each. Equal plans of other bytes say so."""
    now = Seen.of(view)
    found = []
    if then.release != now.release:
        found.append(f"the release: {then.release}, now {now.release}")
    if then.actions != now.actions:
        found.append(f"the plan: {'; '.join(then.actions)} — now: {'; '.join(now.actions)}")
    elif then.plan != now.plan:
        found.append("the plan: the same actions, for other bytes or on other evidence")
    words = ("landed", "to publish", "set aside", "duplicates")
    pairs = zip(words, then.rows, now.rows, strict=False)
    found += [f"rows {word}: {before:,}, now {after:,}" for word, before, after in pairs if before != after]
    return tuple(found) or ("the bytes: the same plan makes another file now",)
