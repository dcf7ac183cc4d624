import pytest

from orders_monitor.core.claims import Differs, Holds, Unknown
from orders_monitor.core.quality import Quality
from orders_monitor.core.retrial import again
from orders_monitor_tests.core.days import EXPECTATIONS, TYPES, day, judged, profile_of


def some(rows, count, **changed):
    return [row | (changed if number < count else {}) for number, row in enumerate(rows)]


BAD = [*some(day(), 20, status="on_hold"), *day()[-64:]]
RENAMED = [{("e_mail" if k == "email" else k): v for k, v in row.items()} for row in BAD]
RENAMED_TYPES = {("e_mail" if name == "email" else name): type_ for name, type_ in TYPES.items()}


def tried(evidence, found, now, rows=BAD):
    return again(evidence, found, now, profile=profile_of(rows), expectations=EXPECTATIONS)


def numbers(holds):
    return {number.name: number.value for number in holds.numbers}


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ("expectation:status_be_in_set", {"rows": 864, "unexpected": 20, "share": 20 / 864}),
        ("anomaly:duplicate_rows", {"rows": 864, "observed": 0.074074, "duplicate_rows": 64}),
        ("drift:renamed:email", {"rows": 864, "score": 0.961}),
    ],
)
def test_the_same_bytes_give_the_same_evidence_with_its_numbers(evidence, said):
    """Each kind of signal holds, and gives the numbers that a claim about it may use."""
    quality = judged(RENAMED, RENAMED_TYPES)
    holds = tried(evidence, quality, quality, RENAMED)

    assert isinstance(holds, Holds)
    assert said == {name: value for name, value in numbers(holds).items() if name in said}


def test_other_bytes_give_other_evidence():
    """More rows, no such thing any more, and one that nobody ever found are three answers."""
    found = judged(BAD)

    assert [
        Differs(why="asked again, it says 'status_be_in_set of status: 21 of 864 rows (2.43%)'"),
        Differs(why="asked again, it says 'status_be_in_set: passed on 800 rows (0 unexpected)'"),
        Unknown(),
    ] == [
        tried("expectation:status_be_in_set", found, judged([*some(day(), 21, status="on_hold"), *day()[-64:]])),
        tried("expectation:status_be_in_set", found, judged(day())),
        tried("expectation:made_up", found, found),
    ]


def test_a_landing_with_a_problem_holds_while_nothing_is_there():
    """The problem is the landing's; that there is no row is asked again."""
    found = judged([], problem="there is no file")
    rows: Quality = judged(day(), problem="there is no file")

    assert {"rows": 0} == numbers(tried("landing", found, found, []))
    assert Differs(why="something landed") == tried("landing", found, rows, day())


def test_only_the_sample_may_differ():
    """Which few of the unexpected rows are told is nobody's promise."""
    found = judged(BAD)
    outcomes = tuple(o.model_copy(update={"sample": ("another",)}) for o in found.outcomes)

    assert isinstance(
        tried("expectation:status_be_in_set", found, found.model_copy(update={"outcomes": outcomes})), Holds
    )
