"""Is the agent getting worse? A share of right verdicts, week by week, watched for a decline that goes on.

The rule that people use ("more than 5 % below last week") alarms falsely in 81-100 % of half-years with 50 to 200
verdicts a week, and calibrated to fewer false alarms it needs months. Here every week asks how much likelier the last
weeks are under a decline (by 1, 2 or 4 % a week, begun in any of the last ten weeks) than under the share of the
reference weeks: the evidence is the sum of these likelihood ratios, an e-detector of Shiryaev and Roberts (Shin, Ramdas
and Rinaldo, "E-detectors", 2023). Without a decline the share is fitted to the reference and to the weeks together, so
that a reference of few verdicts cannot alarm by its own chance; with the reference's share taken for the truth one
half-year in six alarms falsely.

The threshold was found by simulation with exact binomial counts: at most 5 % false alarms in 26 weeks for 50 to 500
verdicts a week, shares of 75 to 97 % and references of 4 to 26 weeks. The benchmark `vigil` repeats it. With 200
verdicts a week of which 90 % are right, a decline of 2 % a week is found after a median of four weeks.
"""

import math
from collections.abc import Sequence

from pydantic import Field, model_validator

from orders_monitor.core.value import Value

EVIDENCE_MIN = 5.0

_WEEKLY_DECLINES = (0.01, 0.02, 0.04)
_WEEKS_MAX = 10
_WEEKS_LOOKED_AHEAD = 26


class Verdicts(Value):
    """How many verdicts of some weeks people labelled, and how many of these they called right."""

    right: float = Field(ge=0)
    of: float = Field(ge=0)

    @model_validator(mode="after")
    def _right_are_some_of_all(self) -> "Verdicts":
        if self.right > self.of:
            raise ValueError(f"{self.right:g} verdicts cannot be right of {self.of:g}")
        return self


class Week(Verdicts):
    """The verdicts of one week, named by its first day (an ISO date)."""

    week: str


class Watched(Value):
    """What the last of some weeks says. `evidence` is a logarithm; from `EVIDENCE_MIN` on it is a decline.

    `since` is the week in which the likeliest decline began, also where it is no alarm. `weeks_to_find` is after how
    many weeks as large as the last one a decline of 2 % a week would be found, None where half a year is not enough.
    """

    week: str
    evidence: float
    declines: bool
    since: str
    share: float
    expected: float
    weeks_to_find: int | None
    sentence: str


def watch(weeks: Sequence[Week], reference: Verdicts) -> Watched:
    """Whether the share of right verdicts declines in the last of these weeks, beside that of earlier ones.

    `reference` are the verdicts of weeks before these, in which all was well. Raises ValueError without a week or a
    verdict to compare with.
    """
    if not weeks or reference.of == 0:
        raise ValueError("a decline needs a week to look at, and earlier verdicts to compare it with")
    ordered = sorted(weeks, key=lambda each: each.week)
    evidence, begun = _evidence(ordered, reference)
    last, declines = ordered[-1], evidence >= EVIDENCE_MIN
    recent = ordered[-begun:]
    share = _share(sum(each.right for each in recent), sum(each.of for each in recent))
    to_find = weeks_to_find(last.of, reference)
    return Watched(
        week=last.week,
        evidence=round(evidence, 6),
        declines=declines,
        since=recent[0].week,
        share=round(share, 6),
        expected=round(_share(reference.right, reference.of), 6),
        weeks_to_find=to_find,
        sentence=_sentence(recent, share, reference, declines=declines, to_find=to_find),
    )


def weeks_to_find(verdicts: float, reference: Verdicts, *, decline: float = 0.02) -> int | None:
    """After how many weeks of so many verdicts a decline (a share a week) is found in half of the cases.

    None where half a year is not enough. It follows the counts that are expected of such a decline.
    """
    right = _share(reference.right, reference.of)
    weeks: list[Week] = []
    for number in range(1, _WEEKS_LOOKED_AHEAD + 1):
        expected = verdicts * right * (1 - decline) ** number
        weeks.append(Week(week=f"{number:02}", right=expected, of=verdicts))
        if _evidence(weeks, reference)[0] >= EVIDENCE_MIN:
            return number
    return None


def _evidence(weeks: Sequence[Week], reference: Verdicts) -> tuple[float, int]:
    """The logarithm of the evidence for a decline that ends now, and since how many weeks it most likely goes on."""
    ratios = {
        (begun, decline): _log_ratio(weeks[-begun:], reference, decline)
        for begun in range(1, min(_WEEKS_MAX, len(weeks)) + 1)
        for decline in _WEEKLY_DECLINES
    }
    most = max(ratios.values())
    total = math.fsum(math.exp(ratio - most) for ratio in ratios.values()) / len(_WEEKLY_DECLINES)
    return most + math.log(total), max(ratios, key=lambda each: ratios[each])[0]


def _log_ratio(weeks: Sequence[Week], reference: Verdicts, decline: float) -> float:
    """How much likelier, in logarithms, the weeks and the reference are with a decline than with one share for all."""
    usual = _share(reference.right, reference.of)
    right, of = sum(week.right for week in weeks), sum(week.of for week in weeks)
    one = _share(reference.right + right, reference.of + of)
    declining = math.fsum(
        _log_likelihood(week.right, week.of, usual * (1 - decline) ** number) for number, week in enumerate(weeks, 1)
    )
    with_decline = declining + _log_likelihood(reference.right, reference.of, usual)
    return with_decline - _log_likelihood(reference.right + right, reference.of + of, one)


def _log_likelihood(right: float, of: float, share: float) -> float:
    return right * math.log(share) + (of - right) * math.log1p(-share)


def _share(right: float, of: float) -> float:
    """With half a verdict on either side, so that no share is impossible."""
    return (right + 0.5) / (of + 1)


def _sentence(recent: Sequence[Week], share: float, reference: Verdicts, *, declines: bool, to_find: int | None) -> str:
    since = f"{share:.1%} of the verdicts since {recent[0].week} are right"
    usual = f"{_share(reference.right, reference.of):.1%} were before (of {reference.of:,.0f})"
    if declines:
        return f"{since}, {usual}: a decline over {len(recent)} {'weeks' if len(recent) > 1 else 'week'}"
    late = "more than half a year" if to_find is None else f"{to_find} {'weeks' if to_find > 1 else 'week'}"
    found = f"with {recent[-1].of:,.0f} verdicts a week a decline of 2 % a week is found after {late}"
    return f"{since}, {usual}: no decline; {found}"
