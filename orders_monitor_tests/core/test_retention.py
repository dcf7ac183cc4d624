"""What a vacuum may take: random histories of landings, publications, restores and vacuums against a plain model."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from orders_monitor.core.candidate import Candidate
from orders_monitor.core.landing import Landing
from orders_monitor.core.publication import Claimed
from orders_monitor.core.retention import Recorded
from orders_monitor.core.review import Publication
from orders_monitor.core.schema import Schema

ACTS = st.sampled_from(["land", "hold", "publish", "restore", "claim", "give up", "wait a day", "vacuum"])


def at(day: int) -> str:
    """A time as records have it: noon of the day with that number."""
    return f"2026-{1 + day // 28:02d}-{1 + day % 28:02d}T12:00:00.000+00:00"


@dataclass
class History:
    """One partition's records, and beside them the files that are there and what each publication was made of."""

    keep_versions: int
    keep_days: int
    day: int = 100
    landings: list[tuple[str, Landing]] = field(default_factory=list)
    candidates: list[tuple[str, Candidate]] = field(default_factory=list)
    claims: list[Claimed] = field(default_factory=list)
    files: set[str] = field(default_factory=set)

    def act(self, act: str, content: int) -> None:
        """One step; content says which rows came, of a few."""
        match act:
            case "land" | "hold":
                self._land(content, planned=act == "land")
            case "publish" | "claim" if self.candidates:
                self._claim(self.candidates[-1][1], written=act == "publish")
            case "restore" if self.restorable():
                target = self.restorable()[content % len(self.restorable())]
                self._restore(target)
            case "give up" if self.claims and self.claims[-1].is_open:
                last = self.claims.pop()
                voided = last.publication.model_copy(update={"voided": True})
                self.claims.append(last.model_copy(update={"publication": voided, "ended_at": at(self.day)}))
            case "wait a day":
                self.day += 1
            case "vacuum":
                self.files &= self.recorded.needed(keep_versions=self.keep_versions, since=self.since)

    @property
    def recorded(self) -> Recorded:
        return Recorded(landings=self.landings, candidates=self.candidates, claims=self.claims)

    @property
    def since(self) -> str:
        return at(self.day - self.keep_days)

    def restorable(self) -> list[Publication]:
        """By the model: every version that readers saw since then, and those of the newest so many files."""
        written = [c for c in self.claims if c.is_written]
        kept = []
        for number, claimed in enumerate(written):
            later = written[number + 1 :]
            seen_until = later[0].ended_at if later else at(self.day)
            newer = {c.publication.path for c in later} - {claimed.publication.path}
            if seen_until >= self.since or len(newer) < self.keep_versions:
                kept.append(claimed.publication)
        return kept

    def must_be_there(self) -> set[str]:
        """By the model: the newest landing, open claims, and what the newest candidate and restorable versions need."""
        needed = {landing.path for _, landing in self.landings[-1:]}
        for _, waiting in self.candidates[-1:]:
            needed |= {waiting.path, waiting.quarantine_path or waiting.path, f"landed/{waiting.landed_digest}"}
        needed |= {c.publication.path for c in self.claims if c.is_open}
        for publication in self.restorable():
            made = next(c for _, c in self.candidates if c.plan_digest == publication.plan_digest)
            needed |= {made.path, made.quarantine_path or made.path, f"landed/{made.landed_digest}"}
        return needed

    def _land(self, content: int, *, planned: bool) -> None:
        landing = Landing(
            table="t",
            partition="p",
            path=f"landed/{content}",
            digest=str(content),
            rows=2,
            landed_schema=Schema(columns=()),
        )
        self.landings.append((at(self.day), landing))
        self.files.add(landing.path)
        if planned:
            self._plan(content, plan=f"plan {len(self.candidates)}")

    def _plan(self, content: int, *, plan: str) -> None:
        candidate = Candidate(
            plan_digest=plan,
            landed_digest=str(content),
            path=f"t/{content}",
            digest=f"c{content}",
            size_bytes=1,
            landed_rows=2,
            rows=1,
            quarantined_rows=1,
            duplicate_rows=0,
            quarantine_path=f"quarantine/{content}",
        )
        self.candidates.append((at(self.day), candidate))
        self.files |= {candidate.path, f"quarantine/{content}"}

    def _claim(self, candidate: Candidate, *, written: bool) -> None:
        if self.claims and self.claims[-1].is_open:
            return
        number = len(self.claims) + 1
        publication = Publication(
            table="t",
            partition="p",
            number=number,
            digest=f"case {number}",
            decision_id=number,
            path=candidate.path,
            rows=1,
            size_bytes=1,
            plan_digest=candidate.plan_digest,
            run_id="r",
            delta_version=number if written else None,
        )
        ended = at(self.day) if written else ""
        self.claims.append(Claimed(publication=publication, claimed_at=at(self.day), ended_at=ended))

    def _restore(self, target: Publication) -> None:
        """As `pipeline.restoring` does: the landing of then is recorded again, with a candidate of the same files."""
        made = next(c for _, c in self.candidates if c.plan_digest == target.plan_digest)
        content = int(made.landed_digest)
        assert self.must_be_there() <= self.files
        self.landings.append(
            (at(self.day), next(landing for _, landing in self.landings if landing.digest == made.landed_digest))
        )
        self._plan(content, plan=f"restore {len(self.candidates)}")
        self._claim(self.candidates[-1][1], written=True)


@given(
    acts=st.lists(st.tuples(ACTS, st.integers(0, 4)), max_size=40),
    keep_versions=st.integers(1, 3),
    keep_days=st.integers(1, 3),
)
def test_nothing_that_is_needed_is_taken(acts, keep_versions, keep_days):
    """After every step all that waits, is claimed, is seen, or can be given back is there."""
    history = History(keep_versions=keep_versions, keep_days=keep_days)
    for act, content in acts:
        history.act(act, content)

        assert set() == history.must_be_there() - history.files
        found = history.recorded.restorable(keep_versions=keep_versions, since=history.since)
        assert [p.number for p in history.restorable()] == [p.number for p in found]


def test_what_is_old_and_replaced_is_taken():
    """A version beyond those that are kept goes with what it was made of, and so does a rejected candidate."""
    history = History(keep_versions=1, keep_days=2)
    for act, content in (("land", 0), ("publish", 0), ("wait a day", 0), ("land", 1), ("land", 2), ("publish", 0)):
        history.act(act, content)
    history.day += 5
    history.act("vacuum", 0)

    assert {"landed/2", "t/2", "quarantine/2"} == history.files
