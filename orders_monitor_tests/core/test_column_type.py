import pytest

from orders_monitor.core.column_type import is_numeric, is_plain, is_time, normal, relation

CASES = [
    # was, now, what became of it
    ("BIGINT", "bigint", "same"),
    ("VARCHAR", "TEXT", "same"),
    ("VARCHAR", "VARCHAR(20)", "same"),  # DuckDB keeps no length
    ("DECIMAL(12,2)", "NUMERIC(12, 2)", "same"),
    ("DECIMAL", "DECIMAL(18,3)", "same"),
    ("DECIMAL(9)", "DECIMAL(9,0)", "same"),
    ("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "same"),
    ("INTEGER", "BIGINT", "widened"),
    ("BIGINT", "INTEGER", "narrowed"),
    ("INTEGER", "UINTEGER", "narrowed"),  # a negative number no longer fits
    ("UINTEGER", "BIGINT", "widened"),
    ("UBIGINT", "HUGEINT", "widened"),
    ("DECIMAL(12,2)", "DECIMAL(18,2)", "widened"),
    ("DECIMAL(12,2)", "DECIMAL(18,4)", "widened"),
    ("DECIMAL(12,2)", "DECIMAL(12,4)", "narrowed"),  # two digits before the point are lost
    ("DECIMAL(12,2)", "DECIMAL(9,2)", "narrowed"),
    ("DECIMAL(12,2)", "BIGINT", "narrowed"),  # the cents are lost
    ("INTEGER", "DECIMAL(12,2)", "widened"),
    ("INTEGER", "DECIMAL(10,2)", "narrowed"),
    ("INTEGER", "DOUBLE", "widened"),
    ("BIGINT", "DOUBLE", "changed"),  # neither holds the other
    ("DOUBLE", "INTEGER", "narrowed"),
    ("DECIMAL(12,2)", "DOUBLE", "changed"),  # a tenth is no binary fraction
    ("FLOAT", "DOUBLE", "widened"),
    ("DOUBLE", "FLOAT", "narrowed"),
    ("INTEGER", "FLOAT", "changed"),
    ("SMALLINT", "FLOAT", "widened"),
    ("DATE", "TIMESTAMP", "widened"),
    ("TIMESTAMP", "DATE", "narrowed"),
    ("TIMESTAMP", "TIMESTAMP_NS", "narrowed"),  # more digits, fewer years
    ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "changed"),
    ("ENUM('a', 'b')", "VARCHAR", "widened"),
    ("VARCHAR", "ENUM('a', 'b')", "narrowed"),
    ("INTEGER", "VARCHAR", "changed"),
    ("VARCHAR", "BOOLEAN", "changed"),
    ("UUID", "BLOB", "changed"),
    ("INTEGER[]", "BIGINT[]", "changed"),
    ("BIGINT", '"; drop table x --', "changed"),
    ("BIGINT", "", "changed"),
    ("DECIMAL(99999999999999999999,2)", "BIGINT", "narrowed"),
]


@pytest.mark.parametrize(("was", "now", "expected"), CASES)
def test_a_type_stands_to_another_in_one_way(was, now, expected):
    """Every pair of types is the same, wider, narrower or another kind."""
    assert expected == relation(was=was, now=now)


@pytest.mark.parametrize(("was", "now"), [(was, now) for was, now, expected in CASES if expected == "widened"])
def test_what_is_widened_is_narrowed_the_other_way(was, now):
    """A wider type narrows back or, where the families differ, narrows too."""
    assert "narrowed" == relation(was=now, now=was)


def test_labels_of_an_enum_keep_their_case():
    """Two enums that differ in the case of a label are two types."""
    assert ("ENUM('Paid')", "narrowed") == (normal("enum('Paid')"), relation(was="ENUM('Paid')", now="ENUM('paid')"))


def test_numbers_and_times_are_known():
    """Numbers and times are recognised under every spelling."""
    assert (True, True, False, True, True, False) == (
        is_numeric("numeric(3,1)"),
        is_numeric("float8"),
        is_numeric("VARCHAR"),
        is_time("datetime"),
        is_time("TIMESTAMPTZ"),
        is_time("BIGINT"),
    )


def test_what_may_hold_words_is_not_plain():
    """Numbers, times and yes/no are plain; texts, lists and whatever is nested are not, also lists of times."""
    plain = ["BIGINT", "UTINYINT", "DECIMAL(12,2)", "REAL", "BOOLEAN", "DATE", "TIME", "TIMESTAMP_NS", "TIMESTAMPTZ"]
    other = [
        "VARCHAR",
        "BLOB",
        "JSON",
        "UUID",
        "ENUM('DATE')",
        "TIMESTAMP[]",
        "DATE[3]",
        "STRUCT(a INTEGER)",
        "INTEGER[]",
    ]

    assert (plain, []) == ([t for t in plain if is_plain(t)], [t for t in other if is_plain(t)])
