import pytest

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.landing import Landing
from orders_monitor.core.quality import Quality
from orders_monitor_tests.small_shop import DAY, csv_of, declared, rows_of

BAD_EMAIL = [
    [*row[:3], "nobody" if number == 7 else row[3], *row[4:]] for number, row in enumerate(rows_of(DAY, count=40))
]


def asked(shop):
    """How often Great Expectations was asked about the day."""
    with shop.desk() as desk:
        runs = {desk.journal.latest("small_shop", DAY, kind).run_id for kind in ("quality", "validation")}
        events = [event for run in runs for event in desk.journal.events_of_run(run)]
    return [event.kind for event in events].count("asked")


def found(shop):
    with shop.desk() as desk:
        forms = (("landed", Landing), ("candidate", Candidate), ("quality", Quality), ("validation", Validation))
        return tuple(desk.read(DAY, kind, form) for kind, form in forms)


def test_bytes_that_the_plan_leaves_alone_are_asked_about_once(shop):
    """The candidate of a clean night is the landed file again, and its outcomes are those of the landed bytes."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    landed, candidate, quality, validation = found(shop)

    assert (landed.digest, 1) == (candidate.digest, asked(shop))
    assert (candidate.digest, quality.outcomes) == (validation.candidate_digest, validation.outcomes)


@pytest.mark.slow
def test_other_bytes_are_asked_about_themselves(shop):
    """The candidate of a repaired night has outcomes of its own."""
    shop.arrives(DAY, csv_of(BAD_EMAIL))
    shop.night(DAY)
    landed, candidate, quality, validation = found(shop)

    assert (True, 2) == (landed.digest != candidate.digest, asked(shop))
    assert ([1, 0], [40, 39]) == (
        [sum(o.unexpected for o in outcomes) for outcomes in (quality.outcomes, validation.outcomes)],
        [outcomes[0].rows for outcomes in (quality.outcomes, validation.outcomes)],
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"max_value": 40}}]},
        pytest.param({"sample_values": "none"}, marks=pytest.mark.slow),
    ],
)
def test_another_question_is_asked_about_the_same_bytes(shop, changes):
    """A newer declaration is not answered with what was said to an older one."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    other = type(shop)(
        table=declared(shop.upstream, **changes), upstream=shop.upstream, instance=shop.instance, settings=shop.settings
    )
    other.night(DAY)

    assert (1, len(other.table.asked)) == (asked(other), len(found(other)[2].outcomes))
