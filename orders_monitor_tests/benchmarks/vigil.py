"""The agent's own quality, week by week: false alarms and weeks until a decline is found, beside the usual rule.

`usual rule` is "more than 5 % below last week"; its false alarms are exact (a chain over the binomial counts), and its
weeks are not worth telling. `mean of four` is the mean of four weeks beside the reference's share, with the threshold
that the same half-years without a decline give it. Counts are drawn from the exact binomial with fixed seeds; the
reference is of eight weeks, and is drawn too. Bars: with 200 verdicts a week at most 5 % false alarms in a half-year,
and a decline of 2 % a week found after a median of at most four weeks.
Run: python -m orders_monitor_tests.benchmarks.vigil [--half-years N]
"""

import math
import random
import sys
from statistics import median

import click

from orders_monitor.core.rates import rate
from orders_monitor.core.vigil import EVIDENCE_MIN, Verdicts, Week, watch, weeks_to_find

SIZES = (25, 50, 100, 200, 500)
SHARE, DECLINE = 0.9, 0.02
WEEKS, REFERENCE_WEEKS, BEGINS = 26, 8, 6
FALSE_ALARMS_MAX, WEEKS_MAX, BAR_AT = 0.05, 4, 200
NEVER = 99


def right_of(dice: random.Random, verdicts: int, share: float) -> int:
    """A binomial count, drawn verdict by verdict."""
    return sum(dice.random() < share for _ in range(verdicts))


def half_year(dice: random.Random, size: int, *, declining: bool) -> tuple[Verdicts, list[Week]]:
    """A reference and half a year of weeks; a decline begins in the week after `BEGINS`."""
    shares = [SHARE * (1 - DECLINE) ** max(0, week - BEGINS + 1) if declining else SHARE for week in range(WEEKS)]
    reference = Verdicts(right=right_of(dice, size * REFERENCE_WEEKS, SHARE), of=size * REFERENCE_WEEKS)
    return reference, [
        Week(week=f"week {number:02}", right=right_of(dice, size, share), of=size)
        for number, share in enumerate(shares)
    ]


def evidence(reference: Verdicts, weeks: list[Week]) -> list[float]:
    """What `watch` says at the end of each week."""
    return [watch(weeks[max(0, last - 12) : last + 1], reference).evidence for last in range(len(weeks))]


def means_of_four(reference: Verdicts, weeks: list[Week]) -> list[float]:
    """How many standard errors the last four weeks' share is below the reference's."""
    usual = reference.right / reference.of
    spread = math.sqrt(usual * (1 - usual)) or 1.0
    found = []
    for last in range(len(weeks)):
        four = weeks[max(0, last - 3) : last + 1]
        of = sum(week.of for week in four)
        found.append((usual - sum(week.right for week in four) / of) * math.sqrt(of) / spread)
    return found


def found_after(values: list[float], threshold: float) -> int:
    """The weeks from the beginning of the decline to the first alarm in or after it."""
    late = [place for place, value in enumerate(values[BEGINS:], 1) if value >= threshold]
    return late[0] if late else NEVER


def usual_rule_alarms(size: int) -> float:
    """The exact chance that some week of a half-year without a decline is more than 5 % below the one before."""
    logs = [math.lgamma(size + 1) - math.lgamma(k + 1) - math.lgamma(size - k + 1) for k in range(size + 1)]
    chances = [math.exp(c + k * math.log(SHARE) + (size - k) * math.log(1 - SHARE)) for k, c in enumerate(logs)]
    quiet = chances
    for _ in range(WEEKS - 1):
        below, before = [0.0], 0.0
        for each in quiet:
            before += each
            below.append(before)
        # A count of k is no alarm after a count of at most k / 0.95.
        quiet = [chances[k] * below[min(size, math.floor(k / 0.95)) + 1] for k in range(size + 1)]
    return 1 - sum(quiet)


def measured(size: int, half_years: int) -> dict[str, float]:
    """One line of the table."""
    dice = random.Random(f"vigil of {size}")  # noqa: S311 - the same half-years again, no secret
    calm = [half_year(dice, size, declining=False) for _ in range(half_years)]
    falling = [half_year(dice, size, declining=True) for _ in range(half_years)]
    highest = sorted(max(means_of_four(*each)) for each in calm)
    of_four = highest[math.ceil((1 - FALSE_ALARMS_MAX) * half_years) - 1]
    alarms = rate(sum(max(evidence(*each)) >= EVIDENCE_MIN for each in calm), half_years)
    found = [found_after(evidence(*each), EVIDENCE_MIN) for each in falling]
    means = [found_after(means_of_four(*each), math.nextafter(of_four, math.inf)) for each in falling]
    said = weeks_to_find(size, Verdicts(right=SHARE * size * REFERENCE_WEEKS, of=size * REFERENCE_WEEKS))
    return {
        "usual": usual_rule_alarms(size),
        "alarms": alarms.value,
        "low": alarms.low,
        "high": alarms.high,
        "weeks": median(found),
        "by_four": sum(weeks <= WEEKS_MAX for weeks in found) / half_years,
        "mean_weeks": median(means),
        "mean_by_four": sum(weeks <= WEEKS_MAX for weeks in means) / half_years,
        "said": said or NEVER,
    }


@click.command()
@click.option("--half-years", type=int, default=400, help="How many are drawn of each kind.")
def main(half_years: int) -> None:
    """Print the table; exit with 1 where a bar is missed."""
    click.echo(f"{half_years} half-years of each kind, {SHARE:.0%} right, a decline of {DECLINE:.0%} a week")
    click.echo(
        "verdicts  usual rule:    vigil: false alarms     vigil: weeks    mean of four: weeks  it says\n"
        "a week    false alarms   (95 % interval)         (by week 4)     (by week 4)         itself"
    )
    missed = False
    for size in SIZES:
        line = measured(size, half_years)
        click.echo(
            f"{size:<10}{line['usual']:<15.0%}{line['alarms']:.1%} ({line['low']:.1%} to {line['high']:.1%})"
            f"{'':<6}{line['weeks']:>4.0f} ({line['by_four']:.0%}){'':<8}"
            f"{line['mean_weeks']:>3.0f} ({line['mean_by_four']:.0%}){'':<12}{line['said']:.0f}"
        )
        if size == BAR_AT:
            missed = line["alarms"] > FALSE_ALARMS_MAX or line["weeks"] > WEEKS_MAX
    sys.exit("a bar is missed" if missed else 0)


if __name__ == "__main__":
    main()
