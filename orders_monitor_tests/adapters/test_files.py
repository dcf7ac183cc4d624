"""Files as a source: real Parquet and CSV files, whole and broken."""

import datetime as dt
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_monitor.adapters.sources.as_found import contract_names
from orders_monitor.adapters.sources.files import Files
from orders_monitor.core.errors import DeclarationInvalid, SourceUnavailable
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.source import Fetched, FilesSource, Missing, Unreadable
from orders_monitor.core.totals import Control, Total

DAY = "2026-03-01"
HOSTILE = '"; drop table x --'


@pytest.fixture
def folder(tmp_path):
    incoming = tmp_path / "root" / "incoming"
    incoming.mkdir(parents=True)
    return incoming


@pytest.fixture
def into(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "landed.parquet"


def source(folder, path="incoming/orders-{partition}.parquet", **more):
    declaration = FilesSource(kind="files", path=path, **more)
    return Files(declaration, root=folder.parent)


def csv(folder, **more):
    return source(folder, "incoming/orders-{partition}.csv", format="csv", **more)


def parquet(file, sql):
    duckdb.sql(sql).write_parquet(str(file))


def read(file):
    return duckdb.sql("select * from read_parquet($file)", params={"file": str(file)}).fetchall()


def schema_in(file):
    described = duckdb.sql("describe select * from read_parquet($file)", params={"file": str(file)}).fetchall()
    return Schema(columns=tuple(ColumnSchema(name=row[0], type=row[1]) for row in described))


def schema_of(**columns):
    return Schema(columns=tuple(ColumnSchema(name=name, type=kind) for name, kind in columns.items()))


def left_beside(into):
    return list(into.parent.iterdir())


def test_a_parquet_file_lands_as_found(folder, into):
    """Types, values and the order of rows are the file's."""
    sql = "select 9 - range as id, 0.1::decimal(12,2) as amount, date '2026-03-01' as day from range(10)"
    parquet(folder / f"orders-{DAY}.parquet", sql)

    assert schema_of(id="BIGINT", amount="DECIMAL(12,2)", day="DATE") == source(folder).schema(DAY)
    assert Fetched(rows=10) == source(folder).fetch(DAY, into)
    assert [(9 - i, Decimal("0.10"), dt.date(2026, 3, 1)) for i in range(10)] == read(into)
    assert [into] == left_beside(into)


def test_the_same_file_gives_the_same_bytes(folder, into):
    """Two fetches of many row groups are equal to the byte."""
    parquet(folder / f"orders-{DAY}.parquet", "select range as id, 'n' || range as name from range(300_000)")
    again = into.with_name("again.parquet")

    assert [Fetched(rows=300_000)] * 2 == [source(folder).fetch(DAY, file) for file in (into, again)]
    assert into.read_bytes() == again.read_bytes()


def test_several_files_land_in_the_order_of_their_names(folder, into):
    """Files that match the pattern are one partition."""
    for part in (2, 1, 3):
        parquet(folder / f"orders-{DAY}-{part}.parquet", f"select {part} as id")
    orders = source(folder, "incoming/orders-{partition}-*.parquet")

    assert Fetched(rows=3) == orders.fetch(DAY, into)
    assert [(1,), (2,), (3,)] == read(into)


def test_several_files_of_different_columns_are_unreadable(folder, into):
    """No guess is made which file is right; the two are named."""
    parquet(folder / f"orders-{DAY}-1.parquet", "select 1 as id")
    parquet(folder / f"orders-{DAY}-2.parquet", "select 'a' as id")
    orders = source(folder, "incoming/orders-{partition}-*.parquet")

    expected = Unreadable(why=f"'orders-{DAY}-1.parquet' and 'orders-{DAY}-2.parquet' have different columns")
    assert expected == orders.fetch(DAY, into)
    assert orders.schema(DAY) is None
    assert [] == left_beside(into)


def test_a_folder_a_day_lands_without_a_column_for_it(folder, into):
    """`day=2026-03-01` in a path adds no column: what is in the files is as found."""
    (folder / f"day={DAY}").mkdir()
    parquet(folder / f"day={DAY}" / "part-0.parquet", "select 1 as id")
    orders = source(folder, "incoming/day={partition}/*.parquet")

    assert Fetched(rows=1) == orders.fetch(DAY, into)
    assert schema_of(id="INTEGER") == schema_in(into)
    assert Missing(why="there is no file 'day=2026-03-02/*.parquet'") == orders.fetch("2026-03-02", into)


def test_brackets_in_a_path_are_brackets(folder, into):
    """Only the declared star is a pattern."""
    parquet(folder / f"o[1]?'{DAY}.parquet", "select 1 as id")
    parquet(folder / f"o1x'{DAY}.parquet", "select 2 as id")
    orders = source(folder, "incoming/o[1]?'{partition}.parquet")

    assert Fetched(rows=1) == orders.fetch(DAY, into)
    assert [(1,)] == read(into)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        ("date", "2026-03-01", "2026-03-02"),
        ("timestamp", "2026-03-01 23:59:59.999999", "2026-03-02 00:00:00"),
        ("timestamptz", "2026-03-01 01:00:00+01", "2026-03-01 00:59:59+01"),
        ("varchar", "2026-03-01", "2026-03-010"),
        ("varchar", "2026-03-01T10:00:00Z", "01.03.2026"),
    ],
)
def test_one_file_holds_every_partition(folder, into, kind, inside, outside):
    """Only the rows of the day land; moments with a time zone belong to their day in UTC."""
    values = f"(1, '{outside}'), (2, '{inside}'), (3, null), (4, '{inside}')"
    parquet(folder / "all.parquet", f'select id, v::{kind} as "Day" from (values {values}) t(id, v)')
    orders = source(folder, "incoming/all.parquet", partition_column="Day")

    assert ("id", "Day") == orders.schema(DAY).names
    assert Fetched(rows=2) == orders.fetch(DAY, into)
    assert [2, 4] == [row[0] for row in read(into)]
    missing = Missing(why="'all.parquet' has no row whose Day is 2020-01-01")
    assert missing == orders.fetch("2020-01-01", into.with_name("none.parquet"))
    assert [into] == left_beside(into)


def test_a_file_without_the_partition_column_is_unreadable(folder, into):
    """Upstream renamed it: the sentence names file and column."""
    parquet(folder / "all.parquet", "select 1 as id")
    orders = source(folder, "incoming/all.parquet", partition_column="day")

    expected = Unreadable(why="'all.parquet' has no column 'day' to tell the partitions apart")
    assert expected == orders.fetch(DAY, into)


def test_a_csv_lands_with_the_types_of_its_text(folder, into):
    """A column is a number or a date only where every text of it is written the one lossless way."""
    (folder / f"orders-{DAY}.csv").write_text(
        "id,code,amount,day,at,zoned,european,big,flag,letter,note\n"
        "1,007,1.10,2026-03-01,2026-03-01 10:00:00,2026-03-01T10:00:00+02:00,03/04/2026,12345678901234567890,true,t,"
        '"a,\n""b"""\n'
        "2,8,2,2026-03-02,2026-03-01T11:00:00.5,2026-03-01T10:00:00Z,13/04/2026,1,FALSE,f,\n"
    )
    expected = schema_of(
        id="BIGINT", code="VARCHAR", amount="DOUBLE", day="DATE", at="TIMESTAMP", zoned="TIMESTAMP WITH TIME ZONE",
        european="VARCHAR", big="VARCHAR", flag="BOOLEAN", letter="VARCHAR", note="VARCHAR",
    )  # fmt: skip

    assert expected == csv(folder).schema(DAY)
    assert Fetched(rows=2) == csv(folder).fetch(DAY, into)
    assert expected == schema_in(into)
    assert (1, "007", 1.1, dt.date(2026, 3, 1)) == read(into)[0][:4]
    assert ("03/04/2026", "12345678901234567890", True, "t", 'a,\n"b"') == read(into)[0][6:]
    assert (False, "f", None) == read(into)[1][8:]


def test_a_late_text_keeps_every_value_of_a_csv(folder, into):
    """A word far beyond the sample makes its column text: the rows land and drift is seen, nothing is refused."""
    (folder / f"orders-{DAY}.csv").write_text("id,amount\n" + "1,2.50\n" * 30_000 + "1,n/a\n")

    assert schema_of(id="BIGINT", amount="DOUBLE") == csv(folder).schema(DAY)
    assert Fetched(rows=30_001) == csv(folder).fetch(DAY, into)
    assert schema_of(id="BIGINT", amount="VARCHAR") == schema_in(into)
    assert [(1, "2.50"), (1, "n/a")] == read(into)[-2:]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_says_how_a_csv_is_delimited(folder, into, delimiter):
    """A byte order mark and Windows line ends are no content."""
    rows = [["id", '"a,b;c"'], ["1", "x"]]
    text = "\ufeff" + "\r\n".join(delimiter.join(row) for row in rows)
    (folder / f"orders-{DAY}.csv").write_bytes(text.replace('"a,b;c"', '"a"').encode())

    assert schema_of(id="BIGINT", a="VARCHAR") == csv(folder).schema(DAY)
    assert Fetched(rows=1) == csv(folder).fetch(DAY, into)
    assert [(1, "x")] == read(into)


def test_guessed_types_of_several_csv_files_are_no_difference(folder, into):
    """Whole numbers in one file and fractions in the other are one column of numbers."""
    (folder / f"orders-{DAY}-1.csv").write_text("id,amount,x\n1,2,a\n")
    (folder / f"orders-{DAY}-2.csv").write_text("id,amount,x\n2,2.5,1\n")
    orders = source(folder, "incoming/orders-{partition}-*.csv", format="csv")

    assert Fetched(rows=2) == orders.fetch(DAY, into)
    assert schema_of(id="BIGINT", amount="DOUBLE", x="VARCHAR") == schema_in(into)
    (folder / f"orders-{DAY}-2.csv").write_text("id,price,x\n2,2.5,1\n")
    assert isinstance(orders.fetch(DAY, into), Unreadable)


def test_a_missing_value_changes_no_type(folder, into):
    """An empty cell is a null of its column's type: one missing number makes no text of the others."""
    (folder / f"orders-{DAY}.csv").write_text("id,amount,at,paid\n1,2.5,2026-03-01 08:00:00,true\n,,,\n")

    assert Fetched(rows=2) == csv(folder).fetch(DAY, into)
    assert schema_of(id="BIGINT", amount="DOUBLE", at="TIMESTAMP", paid="BOOLEAN") == schema_in(into)
    at = dt.datetime.fromisoformat("2026-03-01 08:00:00")
    assert [(1, 2.5, at, True), (None, None, None, None)] == read(into)


def test_a_header_without_rows_is_an_empty_partition(folder, into):
    """The file came and says that there was nothing: fetched, with no row."""
    (folder / f"orders-{DAY}.csv").write_text("id,name\n")

    assert Fetched(rows=0) == csv(folder).fetch(DAY, into)
    assert ("id", "name") == schema_in(into).names


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\n\nid\n", "has no header: its first line is empty"),
        ("id,n\n1,caf\xe9\n".encode("latin-1"), "is not UTF-8 text in line 2"),
        (b"id,n\n" + b"1,2\n" * 30_000 + b"1,\xe9\n", "is not UTF-8 text in line 30,002"),
        (b"id,n\n" + b"1,2\n" * 30_000 + b"1,2,3\n", "does not keep to the form of its header in line 30,002"),
        (b"id,n\n1,2\n3,4,5\n", "is not a CSV table whose rows fit its header"),
        (b'id,n\n1,"x\n2,3\n', "is not a CSV table whose rows fit its header"),
        (bytes(range(256)) * 30, "is not a CSV table whose rows fit its header"),
    ],
)
def test_a_broken_csv_is_unreadable(folder, into, content, why):
    """One sentence with the file's name, no path and no content; nothing is left."""
    (folder / f"orders-{DAY}.csv").write_bytes(content)

    answer = csv(folder).fetch(DAY, into)

    assert isinstance(answer, Unreadable)
    assert answer.why.startswith(f"'orders-{DAY}.csv' {why}")
    assert [] == left_beside(into)


def test_broken_parquet_is_unreadable(folder, into):
    """Empty, foreign, cut off, or with a spoiled footer or page: one sentence, no path, nothing left."""
    file = folder / f"orders-{DAY}.parquet"
    parquet(file, "select range as id, 'name ' || range as name from range(5000)")
    whole = file.read_bytes()
    spoiled = whole[:200] + bytes(2000) + whole[2200:]
    answers = []
    for content in (b"", b"id,name\n1,a\n", whole[:-1], whole[: len(whole) // 2], spoiled):
        file.write_bytes(content)
        answers.append(source(folder).fetch(DAY, into))

    name = f"'orders-{DAY}.parquet'"
    broken = Unreadable(why=f"{name} is not a whole Parquet file")
    assert [Unreadable(why=f"{name} is empty (0 bytes)"), broken, broken, broken, broken] == answers
    assert [] == left_beside(into)


@pytest.mark.slow
@settings(deadline=None)  # each example writes and reads files
@given(cuts=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_spoiled_parquet_is_an_error(tmp_path_factory, cuts):
    """Whatever bytes of a file are spoiled, the answer is a value, and a file is left only with Fetched."""
    root = tmp_path_factory.mktemp("spoiled")
    file, into = root / f"{DAY}.parquet", root / "out.parquet"
    parquet(file, "select range as id, 'name ' || range as name from range(300)")
    content = bytearray(file.read_bytes())
    for place, byte in cuts:
        content[int(place * len(content))] = byte
    file.write_bytes(content)

    orders = Files(FilesSource(kind="files", path="{partition}.parquet"), root=root)
    orders.schema(DAY)
    answer = orders.fetch(DAY, into)

    assert isinstance(answer, Fetched | Unreadable)
    assert isinstance(answer, Fetched) == into.exists()


def test_polling_reads_no_row(folder, into):
    """The schema of a file whose pages are spoiled is still known from its footer."""
    file = folder / f"orders-{DAY}.parquet"
    parquet(file, "select range as id, 'name ' || range as name from range(5000)")
    whole = file.read_bytes()
    file.write_bytes(whole[:200] + bytes(2000) + whole[2200:])

    assert schema_of(id="BIGINT", name="VARCHAR") == source(folder).schema(DAY)
    assert isinstance(source(folder).fetch(DAY, into), Unreadable)


def test_what_is_not_a_file_is_told(folder, into):
    """A loop of links, a dangling link and a folder each get a sentence."""
    orders = source(folder, "incoming/{partition}.parquet")
    (folder / "2026-03-01.parquet").symlink_to(folder / "2026-03-01.parquet")
    (folder / "2026-03-02.parquet").symlink_to(folder / "gone")
    (folder / "2026-03-03.parquet").mkdir()

    assert [
        Unreadable(why="'2026-03-01.parquet' is a link that leads to no file"),
        Unreadable(why="'2026-03-02.parquet' is a link that leads to no file"),
        Unreadable(why="'2026-03-03.parquet' is a folder, not a file"),
        Missing(why="there is no file '2026-03-04.parquet'"),
    ] == [orders.fetch(f"2026-03-0{day}", into) for day in (1, 2, 3, 4)]
    assert [] == left_beside(into)


@pytest.mark.parametrize(
    ("path", "column", "why"),
    [
        ("nowhere/{partition}.parquet", None, "there is no folder 'nowhere'"),
        ("loop/{partition}.parquet", None, "there is no folder 'loop'"),
        ("incoming/all.parquet", "day", "there is no such file"),
    ],
)
@pytest.mark.parametrize("ask", ["schema", "fetch"])
def test_a_wrong_path_is_our_misconfiguration(folder, into, *, path, column, why, ask):
    """What the declaration points to does not exist at all: an error that names the path as declared."""
    (folder.parent / "loop").symlink_to(folder.parent / "loop")
    orders = source(folder, path, partition_column=column)

    with pytest.raises(SourceUnavailable) as caught:
        orders.schema(DAY) if ask == "schema" else orders.fetch(DAY, into)

    assert f"source {path}: {why}" == str(caught.value)


def test_a_declaration_must_tell_partitions_apart(folder):
    """One file for every day without a column to pick by would publish all days as each."""
    with pytest.raises(DeclarationInvalid, match="there is no partition_column to pick the rows by"):
        source(folder, "incoming/all.parquet")


@pytest.mark.parametrize("partition", ["20260301", "../../etc/2026-03-01", "2026-02-30", "*", "2026-03-01' --"])
def test_only_a_date_is_a_partition(folder, into, partition):
    """Another key never becomes part of a path."""
    for ask in (lambda: source(folder).schema(partition), lambda: source(folder).fetch(partition, into)):
        with pytest.raises(ValueError, match=r"YYYY-MM-DD|day is out of range"):
            ask()


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_hostile_names_and_three_hundred_columns_land(folder, into, kind):
    """Column names are quoted in every statement and keep their order."""
    names = [HOSTILE, "a'b", "$day", "x y", *(f"c{number}" for number in range(296))]
    columns = ", ".join(f'{number} as "{name.replace(chr(34), chr(34) * 2)}"' for number, name in enumerate(names))
    relation = duckdb.sql(f"select {columns}")
    orders = source(folder) if kind == "parquet" else csv(folder)
    file = folder / f"orders-{DAY}.{kind}"
    relation.write_parquet(str(file)) if kind == "parquet" else relation.write_csv(str(file))

    assert tuple(names) == orders.schema(DAY).names
    assert Fetched(rows=1) == orders.fetch(DAY, into)
    assert tuple(names) == schema_in(into).names
    assert [tuple(range(300))] == read(into)


def test_names_are_mapped_where_they_are_found(folder, into):
    """The mapping holds for schema and rows, and for a hostile name too."""
    parquet(folder / f"orders-{DAY}.parquet", f'select 1 as "{HOSTILE.replace(chr(34), chr(34) * 2)}", 2 as id')
    orders = source(folder, columns={HOSTILE: "order_id", "gone": "status"})

    assert ("order_id", "id") == orders.schema(DAY).names
    assert Fetched(rows=1) == orders.fetch(DAY, into)
    assert orders.schema(DAY) == schema_in(into)


@pytest.mark.slow
@given(
    found=st.lists(st.sampled_from("aAbBcd"), unique_by=str.lower),
    columns=st.dictionaries(st.sampled_from("aAbBcd"), st.sampled_from("aAbBcdX")),
)
def test_mapping_never_makes_two_columns_of_one_name(found, columns):
    """Whatever is mapped to whatever, as many different names come out as went in."""
    names = contract_names(found, columns)

    assert len(found) == len({name.lower() for name in names})


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e-999"])
def test_a_number_out_of_range_stays_a_text(folder, into, number):
    """What a double would make infinity or nothing is landed as the text that it is, and shows as drift."""
    (folder / f"orders-{DAY}.csv").write_text(f"order_id,amount\n1,2.5\n2,{number}\n3,0e5\n")

    assert Fetched(rows=3) == csv(folder).fetch(DAY, into)
    assert [("2.5",), (number,), ("0e5",)] == duckdb.sql(f"select amount from '{into}'").fetchall()


NO_TOTAL = "has a total that is no number, or one beyond every sum"
CONTROLS = (Control(measure="rows"), Control(measure="sum", column="amount", by="country"))


def controlled(folder):
    declaration = FilesSource(
        kind="files", path="incoming/{partition}.csv", format="csv", totals="incoming/{partition}.json"
    )
    (folder / f"{DAY}.csv").write_text("country,amount\nDE,1.50\nFR,2.50\n")
    return Files(declaration, root=folder.parent, controls=CONTROLS)


def test_the_totals_of_a_control_file_come_with_the_rows(folder, into):
    """Amounts keep every digit that the file has; what no control asks for is left alone."""
    files = controlled(folder)
    (folder / f"{DAY}.json").write_text(
        '{"rows": 2, "sum_amount_by_country": {"DE": 1.50000000000000000001, "FR": "2.50"}, "made_by": "shop"}'
    )

    assert Fetched(
        rows=2,
        totals=(
            Total(control="rows", groups={"": "2"}),
            Total(control="sum_amount_by_country", groups={"DE": "1.50000000000000000001", "FR": "2.50"}),
        ),
    ) == files.fetch(DAY, into)


def test_rows_without_their_control_file_are_half_of_a_delivery(folder, into):
    """The control file is written last: until it is there nothing is taken."""
    files = controlled(folder)

    assert (
        Unreadable(why=f"there is no control file '{DAY}.json': the delivery is not complete"),
        False,
    ) == (files.fetch(DAY, into), into.exists())


@pytest.mark.parametrize(("body", "came"), [('{"rows": 0}', False), ("{}", False), ('{"rows": 40}', True)])
def test_a_control_file_that_counts_rows_came_without_them(folder, into, body, came):
    """Rows that are counted and not there are late or lost, also on a day on which nothing is expected."""
    files = controlled(folder)
    (folder / f"{DAY}.csv").unlink()
    (folder / f"{DAY}.json").write_text(body)
    missing = f"there is no file '{DAY}.csv'"

    assert (Unreadable(why=f"{missing}, and its control file counts rows") if came else Missing(why=missing)) == (
        files.fetch(DAY, into)
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{", "it is not JSON"),
        ('{"rows": NaN}', "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[1]", "it is not a JSON object of totals by name"),
        ('{"rows": "many"}', f"rows {NO_TOTAL}"),
        ('{"rows": "NaN"}', f"rows {NO_TOTAL}"),
        ('{"rows": true}', f"rows {NO_TOTAL}"),
        ('{"rows": 1e999}', f"rows {NO_TOTAL}"),
        ('{"rows": 1e9999999999}', f"rows {NO_TOTAL}"),
        ('{"rows": "' + "9" * 81 + '"}', f"rows {NO_TOTAL}"),
        ('{"rows": ' + "9" * 900_000 + "}", f"rows {NO_TOTAL}"),
        ('{"rows": 2, "rows": 3}', "it says something twice"),
        ('{"sum_amount_by_country": {"DE": 1, "DE": 2}}', "it says something twice"),
        ('{"rows": {"DE": 1}}', "rows is not one number"),
        ('{"sum_amount_by_country": 3}', "sum_amount_by_country is not an object of numbers by country"),
        ('{"made_by": "' + "x" * 1_000_000 + '"}', "it is larger than 1,000,000 bytes"),
    ],
)
def test_a_control_file_that_is_none_is_told_in_a_sentence(folder, into, body, why):
    """A broken control file makes the delivery unreadable: nobody guesses what it meant."""
    files = controlled(folder)
    (folder / f"{DAY}.json").write_text(body)

    assert Unreadable(why=f"control file '{DAY}.json': {why}") == files.fetch(DAY, into)
