import hashlib
import subprocess
import sys

import pytest

from orders_monitor.adapters.workbench.masking import key_of
from orders_monitor.agent.workbench import Facet, Flagged, QueryRefused, Repeated, Rows
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.predicate import IsNull, NotIn, NotMatching, OutOfRange
from orders_monitor_tests.small_room import room, write


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A workbench over the small room."""
    with room(tmp_path_factory.mktemp("room")) as opened:
        yield opened


def test_a_question_is_answered_in_numbers_times_and_allowed_texts(bench):
    """Numbers are numbers, times are ISO texts, and what people may read is read."""
    found = bench.query(
        "SELECT status, count(*) AS n, sum(amount) AS total, min(created_at) AS first, avg(amount) > 1 AS big "
        "FROM landed GROUP BY status ORDER BY n"
    )

    expected = Rows(
        columns=("status", "n", "total", "first", "big"),
        rows=(
            ("lost", 10, 225.0, "2026-11-19T03:00:00", True),
            ("paid", 90, 2250.0, "2026-11-19T00:00:00", True),
        ),
        cut=(),
    )
    assert expected == found


def test_history_is_earlier_partitions_with_their_day(bench):
    """Every earlier partition is there under its date."""
    found = bench.query("SELECT partition_date, count(*) FROM history GROUP BY ALL")

    assert (("2026-11-17", 100), ("2026-11-18", 100)) == found.rows


def test_a_partition_without_history_is_asked_all_the_same(tmp_path):
    """On the first day there is a history, and it is empty."""
    with room(tmp_path, days=()) as bench:
        assert ((0,),) == bench.query(
            "SELECT count(*) FROM history WHERE status = 'paid' AND partition_date > '2026-01-01'"
        ).rows


def test_what_may_not_be_read_is_masked_and_still_groups_and_joins(bench):
    """A person, a number of a person, a text nobody allowed, a list and a stranger: equal for equal."""
    row = bench.query("SELECT * EXCLUDE (order_id, status, amount, created_at) FROM landed WHERE order_id = 7").rows[0]
    people = bench.query("SELECT email, count(*) FROM landed GROUP BY email").rows
    joined = bench.query("SELECT count(*) FROM (SELECT DISTINCT email FROM landed) JOIN history USING (email)").rows

    assert 6 == len(row)
    assert all(str(value).startswith("masked:") and 19 == len(value) for value in row)
    assert [20] * 5 == [count for _, count in people]
    assert ((200,),) == joined


def mask(key, value):
    """The mask of a value under a key."""
    return "masked:" + hashlib.md5((key + value).encode(), usedforsecurity=False).hexdigest()[:12]


def test_a_mask_cannot_be_found_by_trying(tmp_path):
    """Neither the value nor the digest by which the landed file is known makes the mask: that takes all its bytes."""
    landed, guessed = write(tmp_path, "landed"), [f"user{n}@example.org" for n in range(5)]
    with room(tmp_path, landed=landed) as bench:
        seen = {value for (value,) in bench.query("SELECT DISTINCT email FROM landed").rows}
    with room(tmp_path, landed=write(tmp_path, "other", "SELECT 'user1@example.org' AS email")) as bench:
        elsewhere = {value for (value,) in bench.query("SELECT email FROM landed").rows}

    digest = hashlib.sha256(landed.read_bytes()).hexdigest()
    assert set() == seen & {mask(key, mail) for key in ("", digest) for mail in guessed}
    assert {mask(key_of(landed), mail) for mail in guessed} == seen  # who has the bytes has the addresses
    assert set() == seen & elsewhere


def test_an_answer_is_the_same_to_the_byte_in_every_room(tmp_path):
    """Replay and evidence compare digests: no order is left to the engine, and no mask to chance."""
    asked = [
        "SELECT * FROM landed",
        "SELECT email, avg(amount), stddev(amount) FROM history GROUP BY email",
        "SELECT status, count(*) FROM history GROUP BY 1 UNION ALL SELECT email, 1 FROM landed",
    ]
    landed = write(tmp_path, "landed")

    answers = set()
    for _ in range(3):
        with room(tmp_path, landed=landed) as bench:
            answers.add(repr([bench.query(sql) for sql in asked]))

    assert 1 == len(answers)


def test_too_many_rows_columns_and_bytes_are_cut_and_it_is_said(tmp_path):
    """The cap of each, and one sentence for each."""
    wide = ", ".join(f"{n} AS c{n}" for n in range(100))
    landed = write(tmp_path, "wide", f"SELECT {wide} FROM range(30)")
    with room(tmp_path, landed=landed, rows_max=20, columns_max=10, bytes_max=500) as bench:
        found = bench.query("SELECT * FROM landed")
        long = bench.query(f"SELECT '{'x' * 3_000}' AS a FROM landed LIMIT 1")

    assert 10 == len(found.columns)
    assert (
        "only the first 10 of 100 columns are shown",
        "only the first 20 rows are shown, there are more: aggregate instead",
    ) == found.cut[:2]
    assert f"only {len(found.rows)} of 20 rows fit into 500 bytes" == found.cut[2]
    assert (("x" * 63 + "…",),) == long.rows


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT nobody FROM landed", "mistake"),
        ("SELECT frobnicate(status) FROM landed", "mistake"),
        ("SELECT regexp_matches(status, '(') FROM landed", "mistake"),
        ("SELECT CAST(status AS INTEGER) FROM landed", "mistake"),
        ("SELECT CAST('99999999 years' AS INTERVAL)", "mistake"),
        ("SELECT count(*) FROM landed a, landed b, landed c, landed d, history e, history f", "limit"),
        ("SELECT count(*) OVER (PARTITION BY a.note, b.note, c.order_id) FROM landed a, landed b, landed c", "limit"),
    ],
)
def test_a_slip_is_a_mistake_and_too_much_is_a_limit(tmp_path, sql, kind):
    """What the engine says of a query is one short sentence and a kind; nothing of it is an error of ours."""
    with room(tmp_path, timeout_s=1, memory_mb=32) as bench:
        found = bench.query(sql)

        assert kind == found.kind
        assert 250 > len(found.why)
        assert ((100,),) == bench.query("SELECT count(*) FROM landed").rows  # and the room is as before


def test_a_column_of_any_name_can_be_asked_for(tmp_path):
    """Quotes, dots, dashes and semicolons are a name; a name that cannot be said gets another."""
    names = ['a"; DROP VIEW landed; --', "read_text('/etc/passwd')", "a.b", "Ünï", "select", "x" * 200]
    columns = [*(f'{n} AS "{name.replace(chr(34), chr(34) * 2)}"' for n, name in enumerate(names)), '7 AS "tab\there"']
    with room(tmp_path, landed=write(tmp_path, "odd", f"SELECT {', '.join(columns)}")) as bench:
        for name in names:
            quoted = name.replace('"', '""')

            assert 1 == len(bench.query(f'SELECT "{quoted}" FROM landed').rows), name
        assert "column_6" in bench.query("SELECT * FROM landed").columns


def test_flagged_rows_are_counted_over_values_and_told_in_masks(bench):
    """Where the rows are: by value against all rows, by hour, by range. The predicate sees what a query may not."""
    found = bench.flagged(NotIn(column="status", values=("paid",)), columns=["status", "created_at", "order_id"])

    expected = Flagged(
        rows=10,
        of=100,
        facets=(
            Facet(column="status", distinct=1, top=(("lost", 10, 10),)),
            Facet(
                column="created_at",
                distinct=1,
                top=(),
                hours=(("2026-11-19T03", 10, 15),),
                minimum="2026-11-19T03:00:00",
                maximum="2026-11-19T03:00:00",
            ),
            Facet(
                column="order_id",
                distinct=10,
                top=((0, 1, 1), (10, 1, 1), (20, 1, 1), (30, 1, 1), (40, 1, 1)),
                minimum=0,
                maximum=90,
            ),
        ),
    )
    assert expected == found
    by_mail = bench.flagged(NotMatching(column="email", regex="^user1"), columns=["email"])
    assert (80, 4) == (by_mail.rows, by_mail.facets[0].distinct)
    assert all(str(value).startswith("masked:") for value, _, _ in by_mail.facets[0].top)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        (Repeated(("email",)), 100),
        (Repeated(("email", "order_id")), 0),
        (IsNull(column="note"), 0),
        (OutOfRange(column="amount", maximum="40"), 19),
    ],
)
def test_what_an_expectation_can_call_unexpected_can_be_flagged(bench, where, rows):
    """Repetition of a key is flagged too, though no predicate names it."""
    assert Flagged(rows=rows, of=100, facets=()) == bench.flagged(where, columns=[])


@pytest.mark.parametrize(
    ("where", "columns"),
    [
        (IsNull(column="nobody"), ()),
        (OutOfRange(column="amount", maximum="abc"), ()),
        (IsNull(column="note"), ("nobody",)),
        (Repeated(()), ()),
    ],
)
def test_what_did_not_land_cannot_be_flagged(bench, where, columns):
    """A predicate that does not fit the bytes is a refusal, not an error."""
    found = bench.flagged(where, columns=columns)

    assert isinstance(found, QueryRefused)
    assert "mistake" == found.kind


def test_files_that_cannot_be_read_are_a_store_that_is_unavailable(tmp_path):
    """That is ours, not the model's."""
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 but not really")
    for landed in (broken, tmp_path / "absent.parquet"):
        with room(tmp_path, landed=landed) as bench, pytest.raises(StoreUnavailable, match="the files cannot be read"):
            bench.query("SELECT 1")


def test_a_room_that_nobody_asks_costs_nothing(tmp_path):
    """Nothing is read and no parser is loaded before the first question: the file need not even be there."""
    code = (
        "import sys; from pathlib import Path\n"
        "from orders_monitor.adapters.workbench.workbench import open_workbench\n"
        "nothing = {'contract': None, 'text_columns': (), 'limits': None, 'catches': None}\n"
        "with open_workbench(Path('absent'), history={}, **nothing): pass\n"
        "print(sorted({'sqlglot', 'duckdb'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert ("[]\n", "") == (ran.stdout, ran.stderr)
