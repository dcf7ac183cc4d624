"""Calibrations: a new one is a new version of the table's, and none is ever changed."""

import json
from typing import Any

import pydantic
import sqlalchemy as sa

from orders_monitor.adapters.journal import chain, tables
from orders_monitor.adapters.journal.events import body_text
from orders_monitor.adapters.journal.store import now_text
from orders_monitor.core.calibration import Calibration, Thresholds
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.rates import rate
from orders_monitor.core.rules import Rules

_calibrations = tables.calibrations


def add(connection: sa.Connection, calibration: Calibration) -> Calibration:
    """Keep it as the table's next version, whatever version it says. The caller holds the table's lock."""
    newest = sa.select(sa.func.max(_calibrations.c.version)).where(_calibrations.c.table_name == calibration.table)
    version = int(connection.scalar(newest) or 0) + 1
    kept = calibration.model_copy(update={"version": version})
    text = body_text(kept)
    connection.execute(
        _calibrations.insert().values(
            table_name=kept.table,
            version=version,
            detector=kept.detector,
            body=text,
            body_digest=chain.sha256(text),
            recorded_at=now_text(),
        )
    )
    return kept


def versions(connection: sa.Connection, table: str) -> tuple[tuple[Calibration, str], ...]:
    """Every version of a table, the oldest first, each with the time (UTC) at which it was kept."""
    query = sa.select(_calibrations).where(_calibrations.c.table_name == table).order_by(_calibrations.c.version)
    return tuple((_calibration_of(row), row.recorded_at) for row in connection.execute(query))


def of_version(connection: sa.Connection, table: str, version: int | None) -> Calibration | None:
    """One version of a table, or with None the newest; None where there is no such."""
    query = sa.select(_calibrations).where(_calibrations.c.table_name == table)
    if version is not None:
        query = query.where(_calibrations.c.version == version)
    row = connection.execute(query.order_by(_calibrations.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else _calibration_of(row)


def _calibration_of(row: Any) -> Calibration:
    """The calibration of a row. Raises StoreUnavailable where it is not what was written.

    What another release wrote and this one cannot read has no rules and no thresholds: the night goes on with the
    declared tolerances, and says why.
    """
    if chain.sha256(row.body) != row.body_digest:
        why = f"calibration {row.version} of {row.table_name} was changed after it was written; calibrate again"
        raise StoreUnavailable(store="journal", why=why)
    try:
        return Calibration.model_validate(json.loads(row.body))
    except pydantic.ValidationError:
        return Calibration(
            version=row.version,
            table=row.table_name,
            detector=row.detector,
            first="",
            last="",
            days=0,
            rules=Rules(),
            thresholds=Thresholds(),
            false_positive_rate=rate(0, 0),
            target=0.0,
            is_readable=False,
        )
