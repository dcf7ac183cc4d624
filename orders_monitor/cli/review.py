"""`orders-monitor review`: see what waits for a person, and decide."""

import getpass
import json
from typing import get_args

import click

from orders_monitor.cli.serve import serve_command
from orders_monitor.cli.shared import WAITS, chosen, table_of, typed
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.claims import Claims
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Gate, Verdict, gate
from orders_monitor.pipeline import sentences
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.review import evaluation_of
from orders_monitor.pipeline.sentences import visible


@click.group("review")
def review() -> None:
    """See what waits for a person, and decide."""


@review.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on standard output.")
@click.option("--all", "every", is_flag=True, help="Also what is decided and published.")
@click.pass_context
def list_command(context: click.Context, as_json: bool, every: bool) -> None:
    """List the partitions that need a person."""
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        gates = [gate(case) for case in desk.journal.cases(table.name, environment=desk.settings.environment)]
    shown = [g for g in gates if every or g.status in (*WAITS, "held", "failed")]
    if as_json:
        click.echo(json.dumps([_row(g) for g in shown], indent=1))
        return
    for g in shown:
        click.echo(f"{g.partition}  {g.status:<11}  {(g.digest or '-')[:12]:<12}  {visible(g.sentence)}")
        if g.status in WAITS:
            click.echo(f"            {typed(context, 'review', 'show', g.partition)}")
    if not shown:
        click.echo("nothing waits")


@review.command("show")
@click.argument("partition")
@click.pass_context
def show_command(context: click.Context, partition: str) -> None:
    """Show the plan of a partition, its evidence and its candidate."""
    table = table_of(context)
    chosen(table, last=None, named=(partition,), every=False)
    with open_desk(table, run_id="cli") as desk:
        case, quality = desk.case(partition), desk.find(partition, "quality", Quality)
        claims = desk.find(partition, "claims", Claims)
    if case.plan is None:
        raise ReviewRefused(table=table.name, partition=partition, why="there is no plan; run the partition first")
    answer = gate(case)
    click.echo(f"{table.name} {partition}: {answer.status}: {visible(answer.sentence)}")
    click.echo(f"digest {answer.digest or 'none: there is nothing to decide'}")
    click.echo("plan")
    for action in case.plan.actions:
        cited = f"  [{', '.join(action.evidence)}]" if action.evidence else ""
        click.echo(visible(f"  {sentences.of_action(action)}{cited}"))
    click.echo("evidence")
    for signal in quality.signals if quality else ():
        click.echo(visible(f"  {signal.severity:<4}  {signal.id}: {signal.sentence}"))
    if quality is None or not quality.signals:
        click.echo("  everything is clean")
    said = sentences.of_claims(claims) if claims and claims.landed_digest == case.plan.landed_digest else ()
    for line in ("claims", *(f"  {line}" for line in said)) if said else ():
        click.echo(visible(line))
    if case.candidate is not None and case.digest is not None:
        click.echo("rows")
        click.echo(f"  {_conservation(case.candidate)}")
    if answer.status in WAITS:
        for verdict in get_args(Verdict):
            words = ("review", verdict, partition, "--digest", str(answer.digest)[:12], "--note", "why")
            click.echo(f"{verdict}: {typed(context, *words)}")


def _decision(verdict: Verdict) -> None:
    @review.command(verdict)
    @click.argument("partition")
    @click.option("--digest", required=True, help="At least 12 characters of the digest that `review show` prints.")
    @click.option("--reviewer", default=getpass.getuser, show_default="your login", help="Who decides.")
    @click.option("--note", default="", help="Why; kept with the decision.")
    @click.pass_context
    def command(context: click.Context, partition: str, digest: str, reviewer: str, note: str) -> None:
        table = table_of(context)
        chosen(table, last=None, named=(partition,), every=False)
        with open_desk(table, run_id="cli") as desk:
            decision = record_decision(
                desk, partition, digest=digest, verdict=verdict, by=Identity(reviewer, source="cli"), note=note
            )
            answer, ui_url = desk.gate(partition), desk.settings.ui_url
        with open_instance() as instance:
            instance.report_runless_asset_event(evaluation_of(answer, table, instance, ui_url))
        click.echo(f"decision {decision.id}: {verdict} {table.name} {partition} {decision.digest[:12]}")
        if answer.status == "approved":
            click.echo(f"the `decisions` sensor publishes it; at once: {typed(context, 'publish', partition)}")

    command.help = f"{verdict.capitalize()} exactly the plan and bytes that a digest names."


_decision("approve")
_decision("reject")
review.add_command(serve_command)


def _conservation(c: Candidate) -> str:
    return (
        f"{c.landed_rows:,} landed = {c.rows:,} to publish + {c.quarantined_rows:,} set aside "
        f"+ {c.duplicate_rows:,} duplicates"
    )


def _row(answer: Gate) -> dict[str, str | None]:
    return {
        "table": answer.table,
        "partition": answer.partition,
        "digest": answer.digest,
        "verdict": answer.sentence,
        "status": answer.status,
    }
