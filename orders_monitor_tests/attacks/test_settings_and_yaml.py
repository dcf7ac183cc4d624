"""What people write by hand: a declaration that says two things, or a password that a URL does not hold."""

from pathlib import Path

import pytest

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.sources.database import Database
from orders_monitor.component import read_declaration
from orders_monitor.core.errors import DeclarationInvalid, SourceUnavailable, StoreUnavailable
from orders_monitor.core.source import DatabaseSource

SHIPPED = Path(__file__).parents[2] / "orders_monitor" / "defs" / "orders_daily" / "defs.yaml"
URL = "postgresql://watch:hunter@22@127.0.0.1:1/shop"


def test_a_field_that_is_said_twice_is_refused(tmp_path):
    """YAML would take the last `expectations` and forget the gates of the first: the second one is named instead."""
    path = tmp_path / "defs.yaml"
    path.write_text(SHIPPED.read_text() + "  expectations: []\n")
    with pytest.raises(DeclarationInvalid, match=r"defs\.yaml:\d+: expectations: this is said twice"):
        read_declaration(path)


@pytest.mark.parametrize(
    "text",
    ["attributes: {seed: " + "9" * 5_000 + "}\n", "attributes: " + "[" * 5_000 + "]" * 5_000],
    ids=["digits", "nesting"],
)
def test_a_number_or_nesting_without_end_is_one_sentence(tmp_path, text):
    """Python refuses to read the number, and runs out of stack at the nesting: both are the file's mistake."""
    path = tmp_path / "defs.yaml"
    path.write_text(text)
    with pytest.raises(DeclarationInvalid, match="a number of too many digits, or is nested too deep"):
        read_declaration(path)


def test_an_alias_within_itself_ends(tmp_path):
    """An alias that holds itself is looked at once."""
    path = tmp_path / "defs.yaml"
    path.write_text("attributes: &a\n  name: shop\n  contract: *a\n")
    with pytest.raises(DeclarationInvalid, match="source: this field is needed"):
        read_declaration(path)


def test_a_piece_of_a_password_is_not_taken_for_a_host():
    """A password with an @ in it splits the URL at the wrong place; what is shown then is none of it."""
    declaration = DatabaseSource(kind="database", url_env="SHOP_URL", relation="orders", partition_column="day")
    with pytest.raises(StoreUnavailable, match=r"^journal: its database URL has two @") as of_journal:
        Journal.open(URL)
    with pytest.raises(SourceUnavailable, match="the URL in SHOP_URL has two @") as of_source:
        Database(declaration, url=URL).schema("2026-03-04")

    assert [False, False] == ["22" in str(error.value) for error in (of_journal, of_source)]


def test_a_misspelt_option_of_a_database_url_is_one_sentence():
    """PostgreSQL's driver calls it a mistake in the program; it is one of the setting, and not repeated."""
    with pytest.raises(StoreUnavailable, match=r'invalid connection option "passwrd"') as refused:
        Journal.open("postgresql://127.0.0.1:1/x?passwrd=s3cret")

    assert "s3cret" not in str(refused.value)
