"""Incidents injected into the bytes of a partition: the same seed, kind and bytes give the same incident.

Whatever is hit is chosen by hashes of the row's number, its group or its item with the seed, never by chance.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.injecting.roles import Cast, Found, cast_of
from orders_monitor.adapters.engine.injecting.spoiling import spoilt
from orders_monitor.adapters.engine.session import integer, numbered, one, schema_of, select, write
from orders_monitor.adapters.quoting import name, text
from orders_monitor.core.contract import Contract
from orders_monitor.core.injection import CellsInjected, Injected, Kind, RowsInjected
from orders_monitor.core.schema import Schema

_CATEGORY_SHARES = (0.02, 0.6)


@dataclass(frozen=True)
class _Scene:
    """What an incident happens to: the table `came` and its columns by role."""

    connection: duckdb.DuckDBPyConnection
    schema: Schema
    cast: Cast
    rows: int

    @property
    def names(self) -> list[str]:
        return [f"c{index}" for index in range(len(self.schema.columns))]

    def chance(self, about: str, of: str = "n") -> str:
        """SQL of a number from 0 to 1 for each value of `of`."""
        return f"(hash({of}, {text(f'{self.cast.seed}/{about}')}) / 18446744073709551616.0)"

    def hit(self, per: str, share: float) -> str | None:
        """SQL of whether a row is hit; None where the table has no such groups."""
        match per:
            case "row":
                return f"({self.chance('row')} < {share})"
            case "category":
                return self.of_one_category()
        found = self.cast.group if per == "group" else self.cast.item
        return None if found is None else f"({self.chance(per, found.sql)} < {share})"

    def of_one_category(self) -> str | None:
        """SQL of whether a row is of one category, which is not most of the rows and not next to none."""
        column = self.cast.drawn(self.cast.playing("category"), "category")
        if column is None:
            return None
        counted = select(
            f"{column.sql}, count(*) AS rows",
            of="came",
            rest=f"WHERE {column.sql} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
        )
        low, high = (share * self.rows for share in _CATEGORY_SHARES)
        values = [value for value, rows in self.connection.execute(counted).fetchall() if low <= rows <= high]
        if not values:
            return None
        value = values[self.cast.dice("value") % len(values)]
        return f"({column.sql} IS NOT DISTINCT FROM {text(str(value))})"


def inject(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    kind: Kind,
    contract: Contract,
    *,
    seed: str,
    earlier: Path | None,
    into: Path,
) -> Injected | None:
    """Write the rows of a file with an incident in them; the columns and their types stay what they are.

    `earlier` is the file of a partition before, which `replace` needs. None where the bytes have no column for the
    kind, or nothing of them would change: then nothing is written.
    """
    schema = schema_of(connection, path)
    aliases = ", ".join(f"c{index}" for index in range(len(schema.columns)))
    connection.execute(
        "CREATE TEMP TABLE came AS " + select(f"row_number() OVER () - 1 AS n, {aliases}", of=numbered(path, schema))
    )
    rows = integer(connection.execute(select("count(*)", of="came")))
    if rows == 0:
        return None
    scene = _Scene(connection, schema, cast_of(connection, schema, contract, seed=f"{seed}/{kind.name}"), rows)
    made = _of_rows(scene, kind.effect, earlier) if kind.effect.form == "rows" else _of_cells(scene, kind.effect)
    if made is None:
        return None
    query, hit = made
    connection.execute(f"CREATE TEMP TABLE gone AS {query}")
    changed, after = _changed(scene)
    if changed == 0:
        return None
    columns = ", ".join(f"c{i} AS {name(column.name)}" for i, column in enumerate(schema.columns))
    write(connection, select(columns, of="gone", rest="ORDER BY n"), into)
    return Injected(kind=kind.name, rows=after, rows_changed=changed, columns=hit)


def _of_rows(scene: _Scene, effect: RowsInjected, earlier: Path | None) -> tuple[str, tuple[str, ...]] | None:
    match effect.how:
        case "lose":
            lost = _lost(scene, effect)
            return None if lost is None else (select("*", of="came", rest=f"WHERE NOT coalesce({lost}, false)"), ())
        case "repeat":
            return f"{select('*', of='came')} UNION ALL BY NAME {_again(scene, effect)}", ()
        case "grow":
            return _grown(scene, effect.share)
        case "replace":
            return None if earlier is None else _replaced(scene, effect.share, earlier)


def _lost(scene: _Scene, effect: RowsInjected) -> str | None:
    share = effect.share
    match effect.which:
        case "rows" | "block":
            return f"{scene.chance('row')} < {share}"
        case "groups":
            return scene.hit("group", share)
        case "end":
            return f"n >= {int(scene.rows * (1 - share))}"
        case "category":
            return scene.of_one_category()
        case "hours":
            return _of_some_hours(scene, share)


def _of_some_hours(scene: _Scene, share: float) -> str | None:
    """Neighbouring hours with about that share of the rows, beginning at an hour that the seed draws."""
    time = next(iter(scene.cast.playing("time")), None)
    if time is None:
        return None
    counted = select(f"hour({time.sql}), count(*)", of="came", rest="GROUP BY 1 HAVING count(*) > 0 ORDER BY 1")
    hours = [(hour, rows) for hour, rows in scene.connection.execute(counted).fetchall() if hour is not None]
    enough = [at for at in range(len(hours)) if sum(rows for _, rows in hours[at:]) >= share * scene.rows]
    if not enough:
        return None
    at = enough[scene.cast.dice("hour") % len(enough)]
    until = next(to for to in range(at, len(hours)) if sum(r for _, r in hours[at : to + 1]) >= share * scene.rows)
    return f"hour({time.sql}) BETWEEN {hours[at][0]} AND {hours[until][0]}"


def _again(scene: _Scene, effect: RowsInjected) -> str:
    names = ", ".join(scene.names)
    if effect.which != "block":
        return select(
            f"n + {scene.rows} AS n, {names}", of="came", rest=f"WHERE {scene.chance('row')} < {effect.share}"
        )
    size = max(1, int(scene.rows * effect.share))
    at = scene.cast.dice("block") % max(1, scene.rows - size)
    return select(f"n + {scene.rows} AS n, {names}", of="came", rest=f"WHERE n >= {at} AND n < {at + size}")


def _grown(scene: _Scene, share: float) -> tuple[str, tuple[str, ...]]:
    """Every row several times, each time under identifiers of its own: as many more orders, not the same ones."""
    group = scene.cast.group
    whole = [select("*", of="came")]
    for copy in range(1, int(share) + 1):
        fresh = [
            f"{_later(column, copy)} AS {column.sql}" if column is group else column.sql
            for column in scene.cast.columns
        ]
        whole.append(select(f"n + {copy * scene.rows} AS n, {', '.join(fresh)}", of="came"))
    return " UNION ALL BY NAME ".join(whole), ()


def _later(column: Found, copy: int) -> str:
    """An identifier that comes after all of the partition's: its number goes on, and its letters stay."""
    number = f"TRY_CAST(regexp_extract(CAST({column.sql} AS VARCHAR), '[0-9]+') AS HUGEINT)"
    span = f"(max({number}) OVER () - min({number}) OVER () + 1)"
    moved = f"CAST({number} + {copy} * {span} AS VARCHAR)"
    replaced = f"regexp_replace(CAST({column.sql} AS VARCHAR), '[0-9]+', {moved})"
    return f"coalesce(TRY_CAST({replaced} AS {column.type}), {column.sql})"


def _replaced(scene: _Scene, share: float, earlier: Path) -> tuple[str, tuple[str, ...]] | None:
    """Rows of an earlier file in place of some; what is one value all day is this day's."""
    came_before = schema_of(scene.connection, earlier)
    if came_before != scene.schema:
        return None
    taken = [
        f"({select(f'any_value({column.sql})', of='came')}) AS {column.sql}" if column.is_constant else column.sql
        for column in scene.cast.columns
    ]
    there = select(
        f"row_number() OVER () + {scene.rows} AS n, {', '.join(scene.names)}", of=numbered(earlier, scene.schema)
    )
    stale = select(f"n, {', '.join(taken)}", of=f"({there})", rest=f"WHERE {scene.chance('stale')} < {share}")
    stays = select("*", of="came", rest=f"WHERE NOT {scene.chance('row')} < {share}")
    return f"{stays} UNION ALL BY NAME {stale}", ()


def _of_cells(scene: _Scene, effect: CellsInjected) -> tuple[str, tuple[str, ...]] | None:
    chosen = _chosen(scene, effect)
    hit = scene.hit(effect.per, effect.share)
    if not chosen or hit is None:
        return None
    other = _other(scene, effect, chosen[0])
    if effect.how in ("swap", "copy") and other is None:
        return None
    if effect.how == "swap" and other is not None:
        chosen = (chosen[0], other)
    columns = []
    for column in scene.cast.columns:
        if column not in chosen:
            columns.append(column.sql)
            continue
        partner = chosen[0] if column is other else other
        now = spoilt(effect, column, partner, order=scene.chance("order"))
        now = f"coalesce(TRY_CAST({now} AS {column.type}), {column.sql})" if effect.how != "blank" else now
        columns.append(f"CASE WHEN {hit} THEN {now} ELSE {column.sql} END AS {column.sql}")
    return select(f"n, {', '.join(columns)}", of="came"), tuple(column.name for column in chosen)


def _chosen(scene: _Scene, effect: CellsInjected) -> tuple[Found, ...]:
    """The columns that are hit: all times of a moved clock, all amounts of one unit, else the one that is drawn."""
    playing = scene.cast.playing(effect.on)
    if effect.on == "time":
        return playing
    if effect.how in ("swap", "copy"):
        playing = tuple(column for column in playing if _alike(scene, column))
    drawn = scene.cast.drawn(playing, "column")
    if drawn is None:
        return ()
    if effect.how in ("scale", "whole", "round") and drawn.unit is not None:
        return tuple(column for column in playing if column.unit == drawn.unit)
    return (drawn,)


def _alike(scene: _Scene, column: Found) -> list[Found]:
    return [other for other in scene.cast.playing("any") if other is not column and other.type == column.type]


def _other(scene: _Scene, effect: CellsInjected, column: Found) -> Found | None:
    return scene.cast.drawn(_alike(scene, column), "other") if effect.how in ("swap", "copy") else None


def _changed(scene: _Scene) -> tuple[int, int]:
    """How many rows are not as they were (lost, or there and not before), and how many there are now."""
    names = ", ".join(scene.names)
    gone, came = select(names, of="gone"), select(names, of="came")
    more = select("count(*)", of=f"({gone} EXCEPT ALL {came})")
    fewer = select("count(*)", of=f"({came} EXCEPT ALL {gone})")
    counted = one(scene.connection.execute(f"SELECT ({more}), ({fewer}), ({select('count(*)', of='gone')})"))
    return max(int(str(counted[0])), int(str(counted[1]))), int(str(counted[2]))
