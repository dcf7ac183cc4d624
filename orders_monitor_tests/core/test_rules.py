"""A learned rule is a value: it says what it says, and has an id that no other rule can have."""

import pytest
from pydantic import ValidationError

from orders_monitor.core.rules import (
    Damaged,
    Facet,
    KeyRepeats,
    Level,
    Missing,
    NotProduct,
    Odd,
    OutOfRange,
    OutsideDay,
    RowRepeats,
    Rules,
    TopShare,
    Usual,
)

SIGN = Facet(kind="sign", column="quantity")
FORMAT = Facet(kind="format", column="invoice", formats=("[0-9]{6}",))
RULES = Rules(
    rules=(
        RowRepeats(ordinary=0.01),
        KeyRepeats(columns=("order_id", "line")),
        Missing(column="customer", given="invoice"),
        Usual(column="unit_price", given="stock_code", factor=2.5),
        Odd(facet=SIGN, given=FORMAT, below=0.01),
        Odd(facet=SIGN),
        OutsideDay(column="at", low_s=-7200, high_s=86400),
        NotProduct(column="amount", factors=("price", "quantity"), less="discount", slack=0.006),
        OutOfRange(column="amount"),
        Damaged(column="note"),
        Level(column="price", given="item"),
        TopShare(column="price"),
    ),
    days=160,
)


def test_ids_are_readable():
    """An id is the kind and the columns, the one that is judged first."""
    assert [
        "row_repeats",
        "repeats:order_id:line",
        "missing:customer:invoice",
        "usual:unit_price:stock_code",
        "rare:sign(quantity)|format(invoice)",
        "never:sign(quantity)",
        "day:at",
        "product:amount:price:quantity:discount",
        "range:amount",
        "damaged:note",
        "level:price:item",
        "top_share:price",
    ] == [rule.id for rule in RULES.rules]


def test_a_rule_says_what_it_asks():
    """Every rule is one sentence."""
    assert [
        "no row repeats an earlier one",
        "'order_id' and 'line' name one row of a day",
        "where one row of a 'invoice' has 'customer', all of them have it",
        "'unit_price' is within 2.5 times what its 'stock_code' usually has",
        "the sign of 'quantity' was that of at least 1.0% of the rows on earlier days beside the format of 'invoice'",
        "the sign of 'quantity' was seen on earlier days",
        "'at' lies from -2 h to 24 h after the day began",
        "'amount' = 'price' x 'quantity' x (1 - 'discount')",
        "'amount' is at most 50% outside of its range on all earlier days",
        "'note' has no characters that a wrong encoding leaves",
        "'price' is on the level that each 'item' usually has",
        "the most frequent value of 'price' has its usual share",
    ] == [rule.sentence for rule in RULES.rules]


def test_metrics_are_shares_of_broken_rows_or_numbers_of_the_day():
    """A rule about rows is measured by the share that breaks it, one about the day has a number of its own."""
    names = [rule.metric for rule in RULES.rules]

    assert ["broken:row_repeats", "level:price:item", "top_share:price"] == [names[0], *names[-2:]]


@pytest.mark.parametrize("name", ["a:b", "%3A", "a|b", 'quo"te', "{column}", "{0.__class__}", "né\x00"])
def test_a_hostile_name_is_only_a_name(name):
    """No column name can make one rule's id another's, and none is a template."""
    rule = Missing(column=name, given="g")

    assert (3, f"where one row of a 'g' has {name!r}, all of them have it") == (len(rule.id.split(":")), rule.sentence)


def test_rules_survive_their_json():
    """What is stored is what was learned, and has the same digest."""
    read = Rules.model_validate_json(RULES.model_dump_json())

    assert (RULES, RULES.digest) == (read, read.digest)


def test_two_rules_of_one_id_are_refused():
    """A metric belongs to one rule."""
    with pytest.raises(ValidationError, match="two rules have the same id"):
        Rules(rules=(RowRepeats(), RowRepeats(ordinary=0.5)))
