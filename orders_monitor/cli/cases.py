"""`orders-monitor cases`: what became of proposals, as labelled cases for whoever measures or trains a release."""

import json
from collections.abc import Iterator
from datetime import datetime

import click

from orders_monitor.adapters.journal.feedback import review_chain
from orders_monitor.cli.shared import Broken, tables_meant
from orders_monitor.core.feedback import DECIDED, EDITED, LabelledCase, labelled
from orders_monitor.pipeline.resources import Desk, open_desk


@click.group("cases")
def cases() -> None:
    """See what became of what was proposed."""


@cases.command("export")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Decided on this UTC day or later.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, not one a line.")
@click.pass_context
def export_command(context: click.Context, since: datetime | None, as_json: bool) -> None:
    """Print decided cases with their labels, as JSON.

    One object a line, oldest first, with label, proposal, plan, edit and reason, and no value of a row. Labels: agreed,
    edited (approved after a reviewer narrowed it), held (by a reviewer), restored, rejected, expired (nobody decided in
    time), settled_by_policy. Of every declared table, or of the one of --table.
    """
    day = "" if since is None else str(since)[:10]
    found: list[LabelledCase] = []
    broken: list[str] = []
    for table in tables_meant(context):
        with open_desk(table, run_id="cli") as desk:
            broken += _broken(desk)
            found += [case for case in _cases(desk) if case.recorded_at >= day]
    whole = [case for case in found if review_chain(case.table, case.partition) not in broken]
    if as_json:
        click.echo(json.dumps([case.model_dump(mode="json") for case in whole], indent=1))
    for case in whole if not as_json else ():
        click.echo(json.dumps(case.model_dump(mode="json"), ensure_ascii=False))
    if broken:
        raise Broken(f"left out, for their record is not what was written: {', '.join(broken)}")


def _cases(desk: Desk) -> Iterator[LabelledCase]:
    for event in desk.journal.records(desk.table.name, (DECIDED, EDITED)):
        case = labelled(event.kind, event.body, recorded_at=event.recorded_at)
        if case is not None and event.run_id == review_chain(event.table, event.partition):
            yield case


def _broken(desk: Desk) -> list[str]:
    """The partitions' records of decisions that somebody changed: they teach nothing."""
    chains = desk.journal.runs(prefix=review_chain(desk.table.name, ""))
    return [chain for chain in chains if desk.journal.verify(chain) is not None]
