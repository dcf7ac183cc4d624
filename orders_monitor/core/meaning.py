"""What a change means: in one line, in the field's compatibility classes, and for whoever reads the published table.

The contract is the readers' schema, what landed is the writer's. A class says who could read what with no repair:

* `backward`: a reader of the new schema reads the old data; readers go first.
* `forward`: a reader of the contract reads the new data; the source may go first.
* `full`: both. `breaking`: neither, or both and wrongly.

| change | here | Avro and Confluent's modes | Delta's schema evolution | dlt's contract |
|---|---|---|---|---|
| added | full | FULL with a default, else FORWARD | an error; `mergeSchema` adds it | `columns` |
| removed | full if nullable, else backward | FULL with a default, else BACKWARD | appends nulls | not seen |
| renamed | breaking | none; an alias resolves it | none by append; column mapping | `columns`: a new one |
| widened | backward | BACKWARD: int to long, float, double | type widening, else an error | `data_type` |
| narrowed | forward, or breaking if neither fits | FORWARD | cast back where it is safe | coerced back |
| type_changed | breaking | none | an error, or silently a text | `data_type`: a variant |
| nullability_changed | backward; the other way forward | BACKWARD: a union with null | NOT NULL enforced | not seen |
| reordered | full | FULL: fields go by name | by name | by name |
| value_set_grown | backward | BACKWARD; FULL if the enum has a default | a CHECK sees it | not seen |
| unit_changed, format_changed | breaking | FULL: no schema says it | not seen | not seen |

Avro asks for a default where it says optional; here a column that may be missing has the default null, as Delta reads a
file that lacks it. Where a registry would say FULL and the numbers are wrong, the class here is `breaking`. dlt's modes
(`evolve`, `freeze`, `discard_row`, `discard_value`) are set for tables, columns and data types; here `tolerate` is
`evolve` for one kind of change, all else is `freeze`, and `discard_row` is a quarantine with somebody answering for it.
Sources: the Avro specification's schema resolution; Confluent's "Schema Evolution and Compatibility"; Delta Lake's and
Databricks' "schema enforcement" and "type widening"; dlt's "Schema and data contracts".
"""

from collections.abc import Mapping
from typing import Literal, assert_never

from orders_monitor.core.column_type import relation
from orders_monitor.core.contract import ChangeKind
from orders_monitor.core.drift import (
    Change,
    ColumnAdded,
    ColumnRemoved,
    ColumnRenamed,
    ColumnsReordered,
    FormatChanged,
    NullabilityChanged,
    TypeChanged,
    TypeNarrowed,
    TypeWidened,
    UnitChanged,
    ValueSetGrown,
)
from orders_monitor.core.plan import ActionKind
from orders_monitor.core.value import Value

Compatibility = Literal["backward", "forward", "full", "breaking"]


class Effect(Value):
    """What a kind of change does to the published table: what its readers see, and the action that repairs it.

    `repaired_by` is None where no proposed action can: then a person decides, or the partition is held.
    """

    readers: str
    to_do: str
    repaired_by: ActionKind | None = None


# Every kind of change once.
EFFECTS: Mapping[ChangeKind, Effect] = {
    "added": Effect(
        readers="nothing: the column is landed and not published",
        to_do="promise it in the contract where somebody needs it",
        repaired_by="accept_change",
    ),
    "removed": Effect(
        readers="nothing new: the partition is held, for the table cannot lack a promised column",
        to_do="the source brings it back, or the contract gives it up",
    ),
    "renamed": Effect(
        readers="the promised name, once a person allows it",
        to_do="approve the rename, or map it in `source.columns`",
        repaired_by="rename_column",
    ),
    "widened": Effect(
        readers="the promised type, where every value still fits; a value that does not holds the partition",
        to_do="approve the cast; widen the contract before values need it",
        repaired_by="cast_column",
    ),
    "narrowed": Effect(
        readers="the promised type, every value of it",
        to_do="approve the cast, and ask whether the source lost digits",
        repaired_by="cast_column",
    ),
    "type_changed": Effect(
        readers="the promised type, where every value can be one; a value that cannot holds the partition",
        to_do="approve the cast",
        repaired_by="cast_column",
    ),
    "nullability_changed": Effect(
        readers="no missing value where none was promised: such rows are set aside, or a person publishes them",
        to_do="decide on the rows; the source fills the column, or the contract lets it be missing",
        repaired_by="quarantine_rows",
    ),
    "reordered": Effect(readers="the promised order", to_do="nothing"),
    "value_set_grown": Effect(
        readers="no value that is not allowed: such rows are set aside, or a person publishes them",
        to_do="add the value to `allowed`, or ask the source",
        repaired_by="quarantine_rows",
    ),
    "unit_changed": Effect(
        readers="the promised unit, once a person allows the division; smaller numbers and other currencies wait",
        to_do="approve the division, or ask the source",
        repaired_by="scale_column",
    ),
    "format_changed": Effect(
        readers="the texts as they came, only if a person publishes them so",
        to_do="ask the source: whoever parses these texts will fail or misread them",
    ),
}

_NAME_SHOWN_MAX = 80


def compatibility(change: Change) -> Compatibility:
    """Who could read what with no repair, in the words of the schema registries."""
    match change:
        case ColumnAdded() | ColumnsReordered():
            return "full"
        case ColumnRemoved():
            return "full" if change.nullable else "backward"
        case NullabilityChanged():
            return "backward" if change.nullable else "forward"
        case TypeWidened() | ValueSetGrown():
            return "backward"
        case TypeNarrowed():
            return "forward" if relation(was=change.now, now=change.was) == "widened" else "breaking"
        case ColumnRenamed() | TypeChanged() | UnitChanged() | FormatChanged():
            return "breaking"
        case _:
            assert_never(change)


def effect(change: Change) -> str:
    """What a change means for the published table, in one line."""
    if isinstance(change, NullabilityChanged) and not change.nullable:
        return "readers see nothing of it; nothing is to be done"
    if isinstance(change, ValueSetGrown) and not change.promised:
        return "readers see the new values; add them to `allowed` of the contract where others would be wrong"
    found = EFFECTS[change.kind]
    return f"readers see {found.readers}; to do: {found.to_do}"


def sentence(change: Change) -> str:
    """One line for people. Names are quoted: a column may be called anything."""
    match change:
        case ColumnAdded():
            return f"column {_quoted(change.column)} ({_shown(change.type)}) came and is not in the contract"
        case ColumnRemoved():
            return f"column {_quoted(change.column)} did not come"
        case ColumnRenamed():
            return f"column {_quoted(change.column)} came as {_quoted(change.now)} (score {change.score:.2f})"
        case TypeWidened() | TypeNarrowed() | TypeChanged():
            became = {"widened": "wider", "narrowed": "narrower", "type_changed": "another"}[change.kind]
            types = f"{_shown(change.was)} promised, {_shown(change.now)} came"
            return (
                f"column {_quoted(change.column)} has {became if became == 'another' else 'a ' + became} type: {types}"
            )
        case ColumnsReordered():
            return f"the {len(change.columns)} promised columns came in another order"
        case NullabilityChanged() | ValueSetGrown() | UnitChanged() | FormatChanged():
            return _sentence_of_values(change)
        case _:
            assert_never(change)


def _sentence_of_values(change: NullabilityChanged | ValueSetGrown | UnitChanged | FormatChanged) -> str:
    column = _quoted(change.column)
    match change:
        case NullabilityChanged(nullable=False):
            return f"column {column} may be missing by the contract, and the source promises that it never is"
        case NullabilityChanged():
            seen = f"is missing in {change.nulls:,} rows" if change.nulls else "may be missing by the source's schema"
            return f"column {column} must not be missing, and {seen}"
        case ValueSetGrown():
            what = "the contract does not allow" if change.promised else "it never had before"
            values = "1 value" if change.values == 1 else f"{change.values} values"
            rows = f"{'about ' if change.about else ''}{change.rows:,} rows"
            return f"column {column} has {values} that {what}, in {rows}"
        case UnitChanged(factor=None):
            times = f"the amounts are {change.observed_ratio:,.4g} times what they were"
            return f"most rows of column {column} are {change.now}, and were {change.was}: {times}"
        case UnitChanged():
            named = f"{change.now} instead of {change.was}" if change.now else "another unit"
            times = f"{change.observed_ratio:,.4g}" if change.smaller else f"{change.observed_ratio:,.1f}"
            about = f"1/{change.factor}" if change.smaller else f"{change.factor}"
            return f"numbers of column {column} are {times} times what they were, about {about}: {named}"
        case FormatChanged():
            shapes = f"{_quoted(change.now)} instead of {_quoted(change.was)}"
            return f"texts of column {column} are of another format: {shapes} ({change.share:.0%})"
        case _:
            assert_never(change)


def _quoted(name: str) -> str:
    """A name as it is, with its control characters made visible, and an end."""
    return repr(_shown(name))


def _shown(text: str) -> str:
    return text if len(text) <= _NAME_SHOWN_MAX else text[:_NAME_SHOWN_MAX] + "..."
