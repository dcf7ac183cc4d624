import re
import typing
from pathlib import Path

import pytest

from orders_monitor.core import meaning
from orders_monitor.core.contract import ChangeKind
from orders_monitor.core.drift import ValueSetGrown
from orders_monitor_tests.core.test_drift import EVERY_CHANGE, OTHER_SIDES


def test_every_change_has_its_sentence():
    """Each change is one line that a person understands without the code."""
    assert [
        "column 'tier' (VARCHAR) came and is not in the contract",
        "column 'currency' did not come",
        "column 'email' came as 'mail' (score 0.90)",
        "column 'quantity' has a wider type: INTEGER promised, BIGINT came",
        "column 'quantity' has a narrower type: INTEGER promised, SMALLINT came",
        "column 'quantity' has another type: INTEGER promised, VARCHAR came",
        "the 2 promised columns came in another order",
        "numbers of column 'amount' are 99.5 times what they were, about 100: another unit",
        "column 'status' must not be missing, and is missing in 3 rows",
        "column 'status' has 2 values that the contract does not allow, in 31 rows",
        "texts of column 'email' are of another format: 'AAAA@AAAA.AAA' instead of 'aaaa@aaaa.aaa' (100%)",
        "column 'currency' did not come",
        "column 'amount' has a narrower type: DECIMAL(12,2) promised, DECIMAL(12,4) came",
        "column 'status' must not be missing, and may be missing by the source's schema",
        "column 'email' may be missing by the contract, and the source promises that it never is",
        "column 'status' has 1 value that it never had before, in about 31 rows",
        "numbers of column 'amount' are 0.0102 times what they were, about 1/100: another unit",
        "numbers of column 'sent' are 1,000.1 times what they were, about 1000: milliseconds instead of seconds",
        "most rows of column 'currency' are USD, and were EUR: the amounts are 1.087 times what they were",
    ] == [meaning.sentence(change) for change in (*EVERY_CHANGE, *OTHER_SIDES)]


def test_every_change_has_its_compatibility():
    """The classes are the registries': who reads the other's data with no repair."""
    assert [
        *("full", "full", "breaking", "backward", "forward", "breaking"),
        *("full", "breaking", "backward", "backward", "breaking"),
        *("backward", "breaking", "backward", "forward", "backward", "breaking", "breaking", "breaking"),
    ] == [meaning.compatibility(change) for change in (*EVERY_CHANGE, *OTHER_SIDES)]


def test_every_kind_has_an_effect_on_the_published_table():
    """What readers see and what is to be done is said of each kind, and an end for each that no action repairs."""
    assert set(typing.get_args(ChangeKind)) == meaning.EFFECTS.keys()
    assert {"removed", "reordered", "format_changed"} == {
        k for k, e in meaning.EFFECTS.items() if e.repaired_by is None
    }


@pytest.mark.parametrize("change", [*EVERY_CHANGE, *OTHER_SIDES], ids=repr)
def test_every_change_says_its_effect(change):
    """The line says what readers of the published table see."""
    assert meaning.effect(change).startswith("readers see ")


def test_what_was_never_promised_is_only_told():
    """New values in a column of which the contract says none need nobody."""
    grown = ValueSetGrown(column="status", values=1, rows=31, promised=False)

    assert "readers see the new values; add them to `allowed` of the contract where others would be wrong" == (
        meaning.effect(grown)
    )


def test_the_docs_name_every_kind_and_its_repair():
    """The page for readers has each kind once, with the class and the action that the code knows."""
    page = (Path(__file__).parents[2] / "docs" / "changes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+)[^|]*\|[^|]*\|[^|]*\| ([^|]+) \|$", page, re.MULTILINE)
    usual = {change.kind: meaning.compatibility(change) for change in EVERY_CHANGE}
    repairs = {kind: f"`{effect.repaired_by}`" for kind, effect in meaning.EFFECTS.items() if effect.repaired_by}

    assert usual == {kind: said for kind, said, _ in rows}
    assert repairs == {kind: by for kind, _, by in rows if by not in ("nobody", "not needed")}
