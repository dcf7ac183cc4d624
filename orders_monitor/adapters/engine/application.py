"""A plan applied to landed bytes: the candidate, the quarantine beside it, and the count of every row.

Each landed row gets at most one fate (a dropped duplicate, or quarantined with reasons); what has none is the
candidate. Rows are known by their number in the file, so the fate is decided once and both files follow from it.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.casting import Computed, as_landed
from orders_monitor.adapters.engine.conditions import Condition, condition
from orders_monitor.adapters.engine.projection import project
from orders_monitor.adapters.engine.session import first_line, integer, numbered, one, schema_of, select, write
from orders_monitor.adapters.quoting import name, text
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import PlanInapplicable, StoreUnavailable
from orders_monitor.core.plan import DropDuplicates, Plan, QuarantineRows
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.value import Value

REASON = "_quarantine_reason"


class Applied(Value):
    """Where every landed row went; landed = rows + quarantined + duplicates."""

    rows: int
    quarantined_rows: int
    duplicate_rows: int
    landed_rows: int


def apply_plan(
    connection: duckdb.DuckDBPyConnection,
    landed: Path,
    plan: Plan,
    contract: Contract,
    *,
    into: Path,
    quarantine_into: Path,
) -> Applied:
    """Write the candidate, and the quarantine where a row goes there."""
    if plan.hold is not None:
        raise ValueError("a plan that holds its partition is not applied")
    schema = schema_of(connection, landed)
    source = numbered(landed, schema)
    columns = project(connection, schema=schema, plan=plan, contract=contract)
    try:
        _refuse_losses(connection, source, columns)
        duplicates = _drop_duplicates(connection, source, schema, plan)
        quarantined = _quarantine(connection, source, columns, plan)
    except duckdb.DataError as error:
        # DuckDB's own message may quote a row's value.
        raise PlanInapplicable(why="a value is outside of what its column or a bound can hold") from error
    touched = duplicates + quarantined > 0
    if touched or not _is_as_landed(columns, schema):
        rows = _write_candidate(connection, source, columns, into, touched=touched)
    else:
        rows = _copy_landed(connection, source, landed, into)
    if quarantined:
        _write_quarantine(connection, source, schema, quarantine_into)
    _require_types(connection, into, columns)
    landed_rows = integer(connection.execute(select("count(*)", of=source)))
    if rows + quarantined + duplicates != landed_rows:
        raise RuntimeError(f"{landed_rows:,} rows came and {rows + quarantined + duplicates:,} went: nothing is kept")
    return Applied(rows=rows, quarantined_rows=quarantined, duplicate_rows=duplicates, landed_rows=landed_rows)


def write_empty(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, str], into: Path) -> None:
    """A Parquet file with these columns (name to type in DuckDB's spelling) and no row."""
    typed = {column: Computed(sql=f"CAST(NULL AS {of})", type=of, lost=None) for column, of in columns.items()}
    selected = ", ".join(f"{computed.sql} AS {name(column)}" for column, computed in typed.items())
    write(connection, f"SELECT {selected} WHERE false", into)
    _require_types(connection, into, typed)


def _refuse_losses(connection: duckdb.DuckDBPyConnection, source: str, columns: Mapping[str, Computed]) -> None:
    risky = {column: computed.lost for column, computed in columns.items() if computed.lost is not None}
    if not risky:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {lost})" for lost in risky.values())
    try:
        lost_rows = one(connection.execute(select(counts, of=source)))
    except (duckdb.BinderException, duckdb.NotImplementedException) as error:
        raise PlanInapplicable(why=first_line(error)) from error
    for column, rows in zip(risky, lost_rows, strict=True):
        if rows:
            raise PlanInapplicable(why=f"{rows:,} values of {column!r} would be lost as {columns[column].type}")


def _drop_duplicates(connection: duckdb.DuckDBPyConnection, source: str, schema: Schema, plan: Plan) -> int:
    connection.execute("CREATE TEMP TABLE fate (n BIGINT NOT NULL, reason VARCHAR)")
    if not any(isinstance(action, DropDuplicates) for action in plan.actions):
        return 0
    every = ", ".join(f"c{index}" for index in range(len(schema.columns)))
    # Hashes find the few groups worth comparing in full; equality of every column decides.
    suspect = select(f"hash({every}) AS h", of=source, rest="GROUP BY h HAVING count(*) > 1")
    ranked = select(
        f"file_row_number AS n, row_number() OVER (PARTITION BY {every} ORDER BY file_row_number) AS k",
        of=source,
        rest=f"WHERE hash({every}) IN ({suspect})",
    )
    inserted = connection.execute("INSERT INTO fate " + select("n, NULL", of=f"({ranked})", rest="WHERE k > 1"))
    return integer(inserted)


def _quarantine(connection: duckdb.DuckDBPyConnection, source: str, columns: Mapping[str, Computed], plan: Plan) -> int:
    caught = [_condition(action, columns) for action in plan.actions if isinstance(action, QuarantineRows)]
    if not caught:
        return 0
    flags = ", ".join(f"{each.sql} AS f{index}" for index, each in enumerate(caught))
    reasons = ", ".join(f"CASE WHEN f{index} THEN {text(each.reason)} END" for index, each in enumerate(caught))
    any_flag = " OR ".join(f"f{index}" for index in range(len(caught)))
    query = select(
        f"n, concat_ws('; ', {reasons})",
        of=f"({select(f'file_row_number AS n, {flags}', of=source)})",
        rest=f"WHERE ({any_flag}) AND n NOT IN (FROM fate SELECT n)",
    )
    try:
        inserted = connection.execute("INSERT INTO fate " + query, [value for each in caught for value in each.values])
    except (duckdb.InvalidInputException, duckdb.BinderException) as error:
        raise PlanInapplicable(why=first_line(error)) from error
    return integer(inserted)


def _condition(action: QuarantineRows, columns: Mapping[str, Computed]) -> Condition:
    computed = columns.get(action.where.column)
    if computed is None:
        raise PlanInapplicable(why=f"{action.where.column!r} is not a column of the contract")
    return condition(action.where, sql=computed.sql, type_name=computed.type)


def _is_as_landed(columns: Mapping[str, Computed], schema: Schema) -> bool:
    """Whether the contract's columns are the landed ones: the same names, types and values in the same order."""
    landed = [(c.name, as_landed(f"c{index}", type_name=c.type)) for index, c in enumerate(schema.columns)]
    return list(columns.items()) == landed


def _copy_landed(connection: duckdb.DuckDBPyConnection, source: str, landed: Path, into: Path) -> int:
    """The landed file again, byte for byte: what was said about it is then said about the candidate."""
    try:
        shutil.copyfile(landed, into)
    except OSError as error:
        raise StoreUnavailable(store=f"file {into.name}", why=error.strerror or "it cannot be written") from error
    return integer(connection.execute(select("count(*)", of=source)))


def _write_candidate(
    connection: duckdb.DuckDBPyConnection, source: str, columns: Mapping[str, Computed], into: Path, *, touched: bool
) -> int:
    selected = ", ".join(f"{computed.sql} AS {name(column)}" for column, computed in columns.items())
    # A scan keeps the file's order; a join promises none, so that only a touched partition pays for sorting.
    without_fate = "ANTI JOIN fate ON fate.n = file_row_number ORDER BY file_row_number" if touched else ""
    return write(connection, select(selected, of=source, rest=without_fate), into)


def _write_quarantine(connection: duckdb.DuckDBPyConnection, source: str, schema: Schema, into: Path) -> None:
    taken = {landed.lower() for landed in schema.names}
    reason = REASON
    while reason in taken:
        reason += "_"
    as_found = ", ".join(f"c{index} AS {name(column)}" for index, column in enumerate(schema.names))
    rows = select(
        f"{as_found}, fate.reason AS {name(reason)}",
        of=source,
        rest="JOIN fate ON fate.n = file_row_number WHERE fate.reason IS NOT NULL ORDER BY file_row_number",
    )
    write(connection, rows, into)


def _require_types(connection: duckdb.DuckDBPyConnection, into: Path, columns: Mapping[str, Computed]) -> None:
    """Parquet has no place for some of DuckDB's types and takes the nearest; the promise would be broken."""
    promised = tuple(ColumnSchema(name=column, type=computed.type) for column, computed in columns.items())
    for wanted, got in zip(promised, schema_of(connection, into).columns, strict=True):
        if wanted != got:
            raise PlanInapplicable(
                why=f"{wanted.name!r} as {wanted.type} is not a type of Parquet (it gives {got.type})"
            )
