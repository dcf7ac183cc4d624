"""`orders-monitor`: run partitions, see what waits, decide. Every command is the same code that Dagster runs."""

import getpass
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from orders_monitor.component import read_declaration
from orders_monitor.core.errors import DeclarationInvalid, OrdersMonitorError, ReviewRefused
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Gate, Verdict, gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.execution import Night, nights
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.review import evaluation_of, record_decision
from orders_monitor.settings import PROJECT_ROOT

DECLARATIONS = PROJECT_ROOT / "orders_monitor" / "defs"
REFUSED = 3


@click.group()
@click.option(
    "--declaration",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A table declared elsewhere: the path of its YAML.",
)
@click.option("--table", "table_name", help="Which declared table; may be left out where there is only one.")
@click.pass_context
def commands(context: click.Context, declaration: Path | None, table_name: str | None) -> None:
    """Watch a nightly table; publish nothing irreversible without a gate."""
    context.obj = (declaration, table_name)


@commands.command("run")
@click.option("--last", type=click.IntRange(min=1), help="The last so many complete partitions.")
@click.option("--partition", "partitions", multiple=True, help="This partition (may be given several times).")
@click.option("--all", "every", is_flag=True, help="Every partition from the declared start.")
@click.option("--again", is_flag=True, help="Also the partitions that have a plan already.")
@click.pass_context
def run_command(
    context: click.Context, last: int | None, partitions: tuple[str, ...], every: bool, again: bool
) -> None:
    """Run the nightly job for partitions, and publish what was decided."""
    table = _table(context)
    chosen = _chosen(table, last=last, named=partitions, every=every)
    with open_instance() as instance, open_desk(table, run_id="cli") as desk:
        todo = [p for p in chosen if again or desk.gate(p).status == "no_plan"]
        click.echo(f"{table.name}: {len(chosen)} partitions, {len(chosen) - len(todo)} of them done already")
        failed = [night for night in _shown(nights(table, todo, instance), of=len(todo)) if night.broken]
        _summary(desk, chosen)
    if failed:
        click.echo(f"{len(failed)} runs failed, and nothing of them was published:", err=True)
        for night in failed:
            click.echo(f"  {night.partition}: {night.broken}", err=True)
        sys.exit(1)


@commands.command("status")
@click.option("--last", type=click.IntRange(min=1), default=30, show_default=True)
@click.pass_context
def status_command(context: click.Context, last: int) -> None:
    """Count what is published, waiting and held, and link to what waits."""
    table = _table(context)
    with open_desk(table, run_id="cli") as desk:
        _summary(desk, _chosen(table, last=last, named=(), every=False))


@commands.group("review")
def review() -> None:
    """What waits for a person, and the decision."""


@review.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on standard output.")
@click.option("--all", "every", is_flag=True, help="Also what is decided and published.")
@click.pass_context
def list_command(context: click.Context, as_json: bool, every: bool) -> None:
    """List the partitions that need a person."""
    table = _table(context)
    with open_desk(table, run_id="cli") as desk:
        gates = [gate(case) for case in desk.journal.cases(table.name, environment=desk.settings.environment)]
    shown = [g for g in gates if every or g.status in ("awaiting", "stale", "held", "failed")]
    if as_json:
        click.echo(json.dumps([_row(g) for g in shown], indent=1))
        return
    for g in shown:
        click.echo(f"{g.partition}  {g.status:<10} {(g.digest or '')[:12]:<12}  {g.sentence}")
    if not shown:
        click.echo("nothing waits")


@review.command("show")
@click.argument("partition")
@click.pass_context
def show_command(context: click.Context, partition: str) -> None:
    """Show the plan of a partition, its evidence and its candidate."""
    table = _table(context)
    with open_desk(table, run_id="cli") as desk:
        case, quality = desk.case(partition), desk.find(partition, "quality", Quality)
    if case.plan is None:
        raise ReviewRefused(table=table.name, partition=partition, why="there is no plan; run the partition first")
    answer = gate(case)
    click.echo(f"{table.name} {partition}: {answer.status}: {answer.sentence}")
    click.echo(f"digest {answer.digest or 'none: there is nothing to decide'}")
    for action in case.plan.actions:
        click.echo(
            f"  {metadata.sentence_of_action(action)}"
            + (f"  [{', '.join(action.evidence)}]" if action.evidence else "")
        )
    for signal in quality.signals if quality else ():
        click.echo(f"  {signal.severity:<5} {signal.id}: {signal.sentence}")
    if case.candidate is not None and case.digest is not None:
        c = case.candidate
        click.echo(
            f"  {c.landed_rows:,} rows landed = {c.rows:,} to publish + {c.quarantined_rows:,} set aside "
            f"+ {c.duplicate_rows:,} duplicates"
        )


def _decision(verdict: Verdict) -> None:
    @review.command(verdict)
    @click.argument("partition")
    @click.option("--digest", required=True, help="At least 12 characters of the digest that `review show` prints.")
    @click.option("--reviewer", default=getpass.getuser, show_default="your login", help="Who decides.")
    @click.option("--note", default="", help="Why; kept with the decision.")
    @click.pass_context
    def command(context: click.Context, partition: str, digest: str, reviewer: str, note: str) -> None:
        table = _table(context)
        with open_desk(table, run_id="cli") as desk:
            decision = record_decision(
                desk, partition, digest=digest, verdict=verdict, reviewer=reviewer, note=note, source="cli"
            )
            answer, ui_url = desk.gate(partition), desk.settings.ui_url
        with open_instance() as instance:
            instance.report_runless_asset_event(evaluation_of(answer, table, instance, ui_url))
        click.echo(f"decision {decision.id}: {verdict} {table.name} {partition} {decision.digest[:12]}")

    command.help = f"{verdict.capitalize()} exactly the plan and bytes that a digest names."


_decision("approve")
_decision("reject")


@commands.command("publish")
@click.argument("partition")
@click.pass_context
def publish_command(context: click.Context, partition: str) -> None:
    """Publish a decided partition now, without waiting for the daemon; the gate is asked all the same."""
    table = _table(context)
    with open_instance() as instance:
        (night,) = nights(table, [partition], instance, publish_only=True)
    if night.broken:
        click.echo(night.broken, err=True)
        sys.exit(REFUSED)
    click.echo(f"{table.name} {partition}: {night.gate.sentence}")


def main() -> None:
    """The console script: our own errors are one sentence and an exit code, never a stack of frames."""
    try:
        commands(standalone_mode=True)
    except ReviewRefused as error:
        click.echo(f"refused: {error}", err=True)
        sys.exit(REFUSED)
    except OrdersMonitorError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _table(context: click.Context) -> MonitoredTable:
    declaration, wanted = context.find_root().obj
    paths = [declaration] if declaration else sorted(DECLARATIONS.glob("*/defs.yaml"))
    tables = [read_declaration(path) for path in paths]
    chosen = [table for table in tables if wanted in (None, table.name)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(table.name for table in tables) or "none"
    raise DeclarationInvalid(
        path=str(declaration or "orders_monitor/defs"),
        field="--table",
        why=f"{wanted!r} is not declared (there are: {names})" if wanted else f"say which of: {names}",
    )


def _chosen(table: MonitoredTable, *, last: int | None, named: tuple[str, ...], every: bool) -> list[str]:
    """The partitions that a command is about, oldest first. A command lives by the clock; no stage does."""
    known = keys.complete_partitions(table, datetime.now(UTC))
    if named:
        unknown = [p for p in named if p not in known]
        if unknown:
            span = f"{known[0]} to {known[-1]}" if known else "none yet"
            raise ReviewRefused(table=table.name, partition=unknown[0], why=f"no such partition; there are {span}")
        return sorted(set(named))
    if every:
        return known
    if last is None:
        raise click.UsageError("say which partitions: --last N, --partition DAY or --all")
    return known[-last:]


def _shown(ran: Iterator[Night], *, of: int) -> Iterator[Night]:
    for number, night in enumerate(ran, start=1):
        spent = f", {night.spent_tokens:,} tokens" if night.spent_tokens else ""
        click.echo(
            f"  {number:>3}/{of}  {night.partition}  {night.broken or night.gate.status:<10}{spent}  {night.sentence}"
        )
        yield night


def _summary(desk: Desk, partitions: list[str]) -> None:
    """Counts, and where to look."""
    gates = [desk.gate(partition) for partition in partitions]
    words = {"awaiting": "waiting", "stale": "waiting", "no_plan": "not run", "unvalidated": "not checked"}
    counts = Counter(words.get(g.status, g.status) for g in gates)
    listed = ["published", "waiting", "held", *sorted(set(counts) - {"published", "waiting", "held"})]
    click.echo(f"{desk.table.name}: " + ", ".join(f"{counts[word]} {word}" for word in listed))
    for g in gates:
        if g.status in ("awaiting", "stale"):
            page = metadata.partition_url(desk.table.name, "plan", g.partition, desk.settings.ui_url)
            click.echo(f"waits: {g.partition}  {page}")
            click.echo(f"       orders-monitor review show {g.partition}")


def _row(answer: Gate) -> dict[str, str | None]:
    return {
        "table": answer.table,
        "partition": answer.partition,
        "digest": answer.digest,
        "verdict": answer.sentence,
        "status": answer.status,
    }


if __name__ == "__main__":
    main()
