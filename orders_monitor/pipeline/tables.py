"""Tables as Dagster shows them: column schemas with their constraints, column lineage, and records."""

from collections.abc import Mapping, Sequence

import dagster as dg

from orders_monitor.core.contract import Contract
from orders_monitor.core.profile import ColumnProfile
from orders_monitor.core.schema import Schema


def promised_schema(contract: Contract) -> dg.TableSchema:
    """The contract as Dagster's column schema, with its constraints."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=c.name,
                type=c.type,
                description=c.description or None,
                constraints=dg.TableColumnConstraints(
                    nullable=c.nullable,
                    unique=contract.key == (c.name,),
                    other=[*([f"one of {', '.join(c.allowed)}"] if c.allowed else []), *([c.unit] if c.unit else [])],
                ),
                tags={"personal": "yes"} if c.personal else {},
            )
            for c in contract.columns
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(contract.key)}"] if contract.key else []),
    )


def observed_schema(schema: Schema) -> dg.TableSchema:
    """A schema as it was seen; nothing is promised of it."""
    return dg.TableSchema(columns=[dg.TableColumn(name=c.name, type=c.type) for c in schema.columns])


def lineage(sources: Mapping[str, tuple[str, ...]], asset: dg.AssetKey) -> dg.MetadataValue:
    """Which columns of that asset each column came from."""
    return dg.MetadataValue.column_lineage(
        dg.TableColumnLineage(
            deps_by_column={
                column: [dg.TableColumnDep(asset_key=asset, column_name=name) for name in names]
                for column, names in sources.items()
            }
        )
    )


def profiled(column: ColumnProfile, *, shown: bool) -> dict[str, str | int]:
    """A column's statistics as a row; an estimate begins with `~`, and of a personal column no number of a value is."""
    about = dict.fromkeys(column.approximate, "~")

    def said(field: str, value: float | None) -> str:
        return "" if value is None or not shown else f"{about.get(field, '')}{value:,.4g}"

    median = column.quantiles[len(column.quantiles) // 2] if column.quantiles else None
    return {
        "column": column.name,
        "type": column.type,
        "nulls": column.nulls,
        "distinct": f"{about.get('distinct', '')}{column.distinct:,}",
        "minimum": (column.minimum or "") if shown else "",
        "median": said("quantiles", median),
        "mean": said("mean", column.mean),
        "deviation": said("deviation", column.deviation),
        "maximum": (column.maximum or "") if shown else "",
    }


def records(rows: Sequence[Mapping[str, str | int]]) -> dg.MetadataValue:
    """A table; of no rows one row that says so, for Dagster draws nothing for an empty one."""
    shown = rows or [{"": "nothing"}]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(row)) for row in shown],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn(name, "int" if isinstance(value, int) else "string") for name, value in shown[0].items()
            ]
        ),
    )
