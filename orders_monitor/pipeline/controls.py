"""controls: what the source says that it handed over, compared with the landed bytes."""

from collections.abc import Sequence

from orders_monitor.core import controls
from orders_monitor.core.controls import Verdict
from orders_monitor.core.landing import Landing
from orders_monitor.pipeline.resources import Desk

_FLOATING = ("FLOAT", "DOUBLE")


def compare(desk: Desk, landing: Landing) -> tuple[Verdict, ...]:
    """A verdict for each declared control that came with the rows. Raises StoreUnavailable."""
    asked = desk.table.controls
    if not asked or not landing.totals:
        return ()
    path = desk.lake.path(landing.path)
    floating = frozenset(c.name for c in landing.landed_schema.columns if c.type in _FLOATING)
    found = controls.verdicts(asked, said=landing.totals, landed=desk.engine.totals(path, asked), floating=floating)
    if all(anomaly is None for _, anomaly in found):
        return found
    once = controls.verdicts(
        asked, said=landing.totals, landed=desk.engine.totals(path, asked, once=True), floating=floating
    )
    return _settled_once(found, once)


def _settled_once(found: Sequence[Verdict], once: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts, each difference saying whether it is gone where equal rows count once."""
    return tuple(
        (baseline, None if anomaly is None else anomaly.model_copy(update={"is_repetition": again is None}))
        for (baseline, anomaly), (_, again) in zip(found, once, strict=True)
    )
