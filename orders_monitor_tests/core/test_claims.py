import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_monitor.core.claims import (
    FINISHED,
    NO_REASON,
    Claim,
    Claims,
    Differs,
    Doubt,
    DroppedClaim,
    Holds,
    Unknown,
    cited_by,
    judge,
)
from orders_monitor.core.investigation import Ending, Finding, Investigation, Spend
from orders_monitor.core.plan import Hold, PublishAsIs
from orders_monitor.core.prose import Number, numbers_in, written

DAY = "2026-03-04"
STATUS = "expectation:status_2_be_in_set"
VOLUME = "anomaly:rows"
HOSTILE = 'drift:added:x}#9000{"`; drop'
TRIED = {
    STATUS: Holds(
        numbers=(
            Number(name="rows", value=1234),
            Number(name="unexpected", value=43),
            Number(name="share", value=43 / 1234),
            Number(name="mean", value=12.346),
        ),
        texts=("DECIMAL(12,2)", "status_2"),
    ),
    VOLUME: Holds(numbers=(Number(name="observed", value=5000), Number(name="low", value=1234567.8))),
    HOSTILE: Holds(numbers=(Number(name="rows", value=1234),)),
    "gone": Differs(why="it says something else"),
}


def investigated(*findings, proposed=(), ending="answered"):
    return Investigation(
        landed_digest="a" * 64,
        ending=ending,
        why="no step is left",
        release="1.0.0",
        model="m",
        findings=tuple(Finding(claim=claim, evidence=tuple(cited)) for claim, *cited in findings),
        proposed=tuple(proposed),
        spend=Spend(budget_tokens=1, budget_micro_usd=1),
    )


def judged(claim, *cited, tried=TRIED, columns=("address 2", "line2")):
    claims, _ = judge(investigated((claim, *cited)), tried, columns=columns, partition=DAY)
    return claims.kept[0].text if claims.kept else claims.dropped[0].why


def of(evidence, field):
    return f"{{{evidence}#{field}}}"


def stray(text):
    return f"{text!r} is no number of its evidence"


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        (f"{of(STATUS, 'unexpected')} of {of(STATUS, 'rows')} rows break it", "43 of 1,234 rows break it"),
        (f"{of(STATUS, 'share')} of the rows", "3.485% of the rows"),
        (f"{of(STATUS, 'share')} % of the rows", "3.485% of the rows"),
        (f"the mean is {of(STATUS, 'mean')}", "the mean is 12.35"),
        (f"{of(HOSTILE, 'rows')} rows", "1,234 rows"),  # the id may hold any character
    ],
)
def test_a_placeholder_is_filled_in_by_code(claim, text):
    """The number is the evidence's, written as code writes numbers."""
    assert text == judged(claim, STATUS, HOSTILE)


@pytest.mark.parametrize(
    "claim",
    [
        "43 of 1,234 rows",
        "43 of 1234 rows (3.5 %)",
        "3 percent, or 0.0348 of all",
        "a mean of 12.35, that is 12.3 or 12",
        f"43 rows break {STATUS}",
        "43 rows have status_2, a DECIMAL(12,2)",
        "`address 2` and line2 of 2026-03-04 are wrong",
        "two of them, 5,000 rows",  # the two that it cites
        "usually 1.23457e+06 rows",
        "no number at all",
    ],
)
def test_digits_that_are_the_evidences_hold(claim):
    """Whole numbers exactly, others rounded as printed, shares in per cent; names and the day are no numbers."""
    assert claim == judged(claim, STATUS, VOLUME)


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("44 of 1,234 rows", "'44'"),
        ("4 % of the rows", "'4 %'"),
        ("43 % of the rows", "'43 %'"),
        ("0 rows are fine", "'0'"),
        ("12.36 on average", "'12.36'"),
        ("1e6 rows", "'1e6'"),
        ("-43 rows", "'-43'"),
        ("43k rows", "'43k'"),
        ("43 M rows", "'43 M'"),
        ("43\u0338 rows", "'43'"),  # struck through
        ("zero rows", "'zero'"),
        ("half of the rows", "'half'"),
        ("f\u043erty rows", "'U+043E'"),  # letters that only look like ours
        ("t\u03c9o rows", "'t\u03c9'"),
        ("x43 rows", "'43'"),
        ("43\u200b0 rows", "'U+200B'"),
        ("\u0664\u0663 rows", "'U+0664'"),
        ("43\u00b2 rows", "'U+00B2'"),
        ("a hundred rows", "'hundred'"),
        ("forty rows", "'forty'"),
        ("address 2 is wrong", "'2'"),  # not in quotes, so it may be said of rows
        ("of 2026-03-05", "'2026'"),
        (f"{STATUS}9", "'2'"),  # another id than the cited one
        (f"{of(STATUS, 'unexpected')}{of(STATUS, 'unexpected')} rows", "'4343'"),
        (f"1{of(STATUS, 'unexpected')} rows", "'143'"),
        ("43 234 rows", "'43 234'"),
        (f"{of(STATUS, 'rows')}%", "'1,234%'"),
    ],
)
def test_a_number_that_is_not_the_evidences_drops_the_claim(claim, why):
    """Whatever way it is written, and however it is put together."""
    assert f"{why} is no number of its evidence" == judged(claim, STATUS)


@pytest.mark.parametrize(
    ("claim", "cited", "why"),
    [
        ("all is well", (), "it cites no evidence"),
        ("all is well", ("made up",), f"'made up': {Unknown().why}"),
        ("all is well", (STATUS, "gone"), "'gone': it says something else"),
        (f"{of(STATUS, 'median')}", (STATUS,), f"{STATUS!r} has no number called 'median'"),
        (f"{of(VOLUME, 'rows')}", (STATUS,), "a placeholder in it names no evidence that it cites"),
        ("x" * 2_001, (STATUS,), "it is longer than can be checked"),
    ],
)
def test_a_claim_without_or_against_its_evidence_is_dropped(claim, cited, why):
    """No evidence, one that is made up, one that differs, a field that it has not, another's placeholder."""
    assert why == judged(claim, *cited)


def test_a_number_of_two_words_is_one_number():
    """`forty-three` is neither forty nor three."""
    tried = {"e": Holds(numbers=(Number(name="n", value=20), Number(name="m", value=43)))}

    assert "Forty-three and twenty rows" == judged("Forty-three and twenty rows", "e", tried=tried)
    assert stray("twenty one") == judged("twenty one rows", "e", tried=tried)


def test_what_is_dropped_and_what_differs_are_doubts():
    """The verdict holds the kept claims, the dropped ones with why, and each reason why the plan is a person's."""
    found = investigated(
        ("43 rows", STATUS),
        ("9 rows", STATUS),
        proposed=[PublishAsIs(evidence=("gone", "made up"))],
        ending="finalised",
    )
    claims, proposed = judge(found, TRIED, columns=(), partition=DAY)

    assert found.proposed == proposed
    assert claims == Claims(
        landed_digest="a" * 64,
        kept=(Claim(text="43 rows", evidence=(STATUS,)),),
        dropped=(DroppedClaim(claim="9 rows", evidence=(STATUS,), why=stray("9")),),
        evidence=(Doubt(evidence="gone", why="it says something else"), Doubt(evidence="made up", why=Unknown().why)),
        doubts=(
            "it had to finish early: no step is left",
            f"a claim was dropped: {stray('9')}",
            "evidence 'gone' does not hold: it says something else",
            f"evidence 'made up' does not hold: {Unknown().why}",
        ),
    )


def test_a_hold_gives_no_number_that_is_not_its_evidences():
    """Its reason goes into the plan: code's numbers, or a sentence of ours."""
    cited = (STATUS,)
    reasons = ["the notes look odd", f"{of(STATUS, 'unexpected')} rows are wrong", "9000 rows are wrong"]
    found = investigated(proposed=[Hold(why=why, evidence=cited) for why in reasons])
    claims, proposed = judge(found, TRIED, columns=(), partition=DAY)

    assert ["the notes look odd", "43 rows are wrong", NO_REASON] == [hold.why for hold in proposed]
    assert (DroppedClaim(claim=reasons[2], evidence=cited, why=stray("9000")),) == claims.dropped


@pytest.mark.parametrize("ending", [ending for ending in get_args(Ending) if ending not in FINISHED])
def test_an_investigation_that_gave_no_answer_claims_nothing(ending):
    """What it said by then is neither tried nor doubted."""
    found = investigated(("9 rows", "made up"), ending=ending)

    assert ((), (Claims(landed_digest="a" * 64), ())) == (
        cited_by(found),
        judge(found, {}, columns=(), partition=DAY),
    )


def test_shares_of_several_expectations_add_up():
    """What code adds up itself when it decides whether to hold."""
    tried = {
        name: Holds(numbers=(Number(name="unexpected", value=n), Number(name="share", value=n / 800)))
        for name, n in (("a", 20), ("b", 28))
    }

    assert "48 rows are 6.0% together" == judged("48 rows are 6.0% together", "a", "b", tried=tried)
    assert stray("48") == judged("48 rows", "a", tried=tried)


WHOLE = st.integers(min_value=0, max_value=10**12)
# A subnormal double has too few digits to be multiplied by a hundred and stay what it is; no measure is one.
MEASURES = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False, allow_subnormal=False)
NUMBERS = st.one_of(st.integers(min_value=-(10**12), max_value=10**12), MEASURES)


@given(NUMBERS)
def test_what_code_writes_is_read_back_as_that_number(value):
    """The writer and the reader agree, so a filled-in claim passes its own check."""
    number = Number(name="n", value=value)
    (stated,) = numbers_in(f"there are {written(number)} of it")

    assert stated.is_of(number)


@given(st.sets(WHOLE, min_size=1, max_size=4), WHOLE, st.sampled_from(["{}", "{:,}", "about {} rows", "({})", "{}."]))
def test_a_changed_number_is_always_caught(known, told, way):
    """A whole number is told if and only if it is one of the evidence's."""
    tried = {"e": Holds(numbers=tuple(Number(name=f"n{i}", value=value) for i, value in enumerate(known)))}
    claim = way.format(told)

    assert (claim == judged(claim, "e", tried=tried)) == (told in known)


@given(st.text(max_size=60), st.sampled_from(["", "{e#n}", "`a{e#n}`"]), st.text(max_size=60))
def test_a_claim_that_is_kept_holds_no_other_number(before, middle, after):
    """Whatever is written around it: every run of digits of a kept claim is the evidence's."""
    tried = {"e": Holds(numbers=(Number(name="n", value=4711),))}
    claims, _ = judge(investigated((before + middle + after, "e")), tried, columns=(), partition=DAY)
    said = [claim.text for claim in claims.kept]

    assert {"4711"} >= {digits.replace(",", "") for text in said for digits in re.findall(r"\d[\d,]*\d|\d", text)}
