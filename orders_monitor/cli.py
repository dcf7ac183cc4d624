"""`orders-monitor`: run partitions, see what waits, decide. Every command is the same code that Dagster runs."""

import getpass
import json
import shlex
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, get_args

import click

from orders_monitor.component import read_declaration
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.errors import OrdersMonitorError, PublicationRefused, ReviewRefused
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Gate, Verdict, gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, links, sentences
from orders_monitor.pipeline.execution import Night, nights
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.review import evaluation_of, record_decision
from orders_monitor.pipeline.sentences import visible
from orders_monitor.settings import PROJECT_ROOT

DECLARATIONS = PROJECT_ROOT / "orders_monitor" / "defs"
WAITS = ("awaiting", "stale")
# A run that broke between two stages left these; running goes on where it stopped.
UNFINISHED = ("no_plan", "unvalidated", "approved")
WORDS = {"awaiting": "waiting", "stale": "waiting", "no_plan": "not run", "unvalidated": "not checked"}


class Broken(click.ClickException):
    """We are broken: one sentence on standard error, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """The sentence, and nothing around it."""
        click.echo(self.message, file=file, err=file is None)


class Refused(Broken):
    """What was asked for is not done, and everything is as it was: exit code 3."""

    exit_code = 3


class Plain(click.Group):
    """Commands whose errors, where they are ours, end in a sentence and never in a stack of frames."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (ReviewRefused, PublicationRefused) as error:
            raise Refused(f"refused: {error}") from error
        except OrdersMonitorError as error:
            raise Broken(str(error)) from error


@click.group(cls=Plain, context_settings={"max_content_width": 100})
@click.option(
    "--declaration",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A table declared elsewhere: the path of its YAML.",
)
@click.option("--table", "table_name", help="Which declared table; may be left out where there is only one.")
@click.pass_context
def commands(context: click.Context, declaration: Path | None, table_name: str | None) -> None:
    """Watch a nightly table; publish nothing irreversible without a gate.

    A night: `run --last 1`. A morning: `status`, `review list`, `review show DAY`, `review approve DAY --digest ...`.

    Exit codes: 0 done (also where something waits), 1 we are broken, 2 the command is wrong, 3 refused.
    """
    context.obj = (declaration, table_name)


@commands.command("run")
@click.option("--last", type=click.IntRange(min=1), help="The last so many complete partitions.")
@click.option("--partition", "partitions", multiple=True, help="This partition (may be given several times).")
@click.option("--all", "every", is_flag=True, help="Every partition from the declared start.")
@click.option("--again", is_flag=True, help="Also the partitions that are done already.")
@click.pass_context
def run_command(
    context: click.Context, last: int | None, partitions: tuple[str, ...], every: bool, again: bool
) -> None:
    """Run the nightly job for partitions, and publish what was decided."""
    table = _table(context)
    chosen = _chosen(table, last=last, named=partitions, every=every)
    with open_instance() as instance, open_desk(table, run_id="cli") as desk:
        todo = [p for p in chosen if again or desk.gate(p).status in UNFINISHED]
        click.echo(f"{table.name}: {len(chosen)} partitions, {len(chosen) - len(todo)} of them done already")
        ran = list(_shown(nights(table, todo, instance, again=again), of=len(todo)))
        _summary(context, desk, chosen)
    if ran:
        click.echo(f"agent: {sum(night.spent_tokens for night in ran):,} tokens spent")
    broken = [night for night in ran if night.broken]
    if broken:
        sentences = [f"  {night.partition}: {night.broken}" for night in broken]
        raise Broken("\n".join([f"{len(broken)} of {len(ran)} runs broke:", *sentences]))


@commands.command("status")
@click.option(
    "--last", type=click.IntRange(min=1), default=30, show_default=True, help="The last so many complete partitions."
)
@click.pass_context
def status_command(context: click.Context, last: int) -> None:
    """Count what is published, waits and is held."""
    table = _table(context)
    with open_desk(table, run_id="cli") as desk:
        _summary(context, desk, _chosen(table, last=last, named=(), every=False))


@commands.group("review")
def review() -> None:
    """See what waits for a person, and decide."""


@review.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on standard output.")
@click.option("--all", "every", is_flag=True, help="Also what is decided and published.")
@click.pass_context
def list_command(context: click.Context, as_json: bool, every: bool) -> None:
    """List the partitions that need a person."""
    table = _table(context)
    with open_desk(table, run_id="cli") as desk:
        gates = [gate(case) for case in desk.journal.cases(table.name, environment=desk.settings.environment)]
    shown = [g for g in gates if every or g.status in (*WAITS, "held", "failed")]
    if as_json:
        click.echo(json.dumps([_row(g) for g in shown], indent=1))
        return
    for g in shown:
        click.echo(f"{g.partition}  {g.status:<11}  {(g.digest or '-')[:12]:<12}  {visible(g.sentence)}")
        if g.status in WAITS:
            click.echo(f"            {_typed(context, 'review', 'show', g.partition)}")
    if not shown:
        click.echo("nothing waits")


@review.command("show")
@click.argument("partition")
@click.pass_context
def show_command(context: click.Context, partition: str) -> None:
    """Show the plan of a partition, its evidence and its candidate."""
    table = _table(context)
    _chosen(table, last=None, named=(partition,), every=False)
    with open_desk(table, run_id="cli") as desk:
        case, quality = desk.case(partition), desk.find(partition, "quality", Quality)
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
    if case.candidate is not None and case.digest is not None:
        click.echo("rows")
        click.echo(f"  {_conservation(case.candidate)}")
    if answer.status in WAITS:
        for verdict in get_args(Verdict):
            words = ("review", verdict, partition, "--digest", str(answer.digest)[:12], "--note", "why")
            click.echo(f"{verdict}: {_typed(context, *words)}")


def _decision(verdict: Verdict) -> None:
    @review.command(verdict)
    @click.argument("partition")
    @click.option("--digest", required=True, help="At least 12 characters of the digest that `review show` prints.")
    @click.option("--reviewer", default=getpass.getuser, show_default="your login", help="Who decides.")
    @click.option("--note", default="", help="Why; kept with the decision.")
    @click.pass_context
    def command(context: click.Context, partition: str, digest: str, reviewer: str, note: str) -> None:
        table = _table(context)
        _chosen(table, last=None, named=(partition,), every=False)
        with open_desk(table, run_id="cli") as desk:
            decision = record_decision(
                desk, partition, digest=digest, verdict=verdict, reviewer=reviewer, note=note, source="cli"
            )
            answer, ui_url = desk.gate(partition), desk.settings.ui_url
        with open_instance() as instance:
            instance.report_runless_asset_event(evaluation_of(answer, table, instance, ui_url))
        click.echo(f"decision {decision.id}: {verdict} {table.name} {partition} {decision.digest[:12]}")
        if answer.status == "approved":
            click.echo(f"the `decisions` sensor publishes it; at once: {_typed(context, 'publish', partition)}")

    command.help = f"{verdict.capitalize()} exactly the plan and bytes that a digest names."


_decision("approve")
_decision("reject")


@commands.command("publish")
@click.argument("partition")
@click.pass_context
def publish_command(context: click.Context, partition: str) -> None:
    """Publish an approved partition now, through the same gate."""
    table = _table(context)
    _chosen(table, last=None, named=(partition,), every=False)
    with open_desk(table, run_id="cli") as desk:
        before = desk.gate(partition)
    if before.status not in ("approved", "published", "unvalidated"):
        raise PublicationRefused(table=table.name, partition=partition, why=before.sentence)
    with open_instance() as instance:
        (night,) = nights(table, [partition], instance, publish_only=True)
    if night.broken and night.gate.status in ("approved", "published"):
        raise Broken(f"{table.name} {partition}: {night.broken}")
    if night.broken:
        raise PublicationRefused(table=table.name, partition=partition, why=night.gate.sentence)
    click.echo(f"{table.name} {partition}: {night.gate.sentence}")


def main() -> None:
    """The console script."""
    commands()


def _table(context: click.Context) -> MonitoredTable:
    """The one table that the command is about. Raises UsageError where the options do not name one."""
    declaration, wanted = context.find_root().obj
    paths = [declaration] if declaration else sorted(DECLARATIONS.glob("*/defs.yaml"))
    tables = [read_declaration(path) for path in paths]
    chosen = [table for table in tables if wanted in (None, table.name)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(table.name for table in tables) or "none"
    raise click.UsageError(f"no table {wanted!r}; there are: {names}" if wanted else f"say --table, one of: {names}")


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
    """Each partition's line as soon as its run has ended."""
    width = len(str(of))
    for number, night in enumerate(ran, start=1):
        status = "broken" if night.broken else WORDS.get(night.gate.status, night.gate.status)
        tokens = f"{night.spent_tokens:,} tokens" if night.spent_tokens else ""
        said = visible(night.broken or night.sentence)
        click.echo(f"  {number:>{width}}/{of}  {night.partition}  {status:<11}  {tokens:>13}  {said}")
        yield night


def _summary(context: click.Context, desk: Desk, partitions: list[str]) -> None:
    """Counts, and for each partition that waits where to look and what to type."""
    gates = [desk.gate(partition) for partition in partitions]
    counts = Counter(WORDS.get(g.status, g.status) for g in gates)
    listed = ["published", "waiting", "held", *sorted(set(counts) - {"published", "waiting", "held"})]
    click.echo(f"{desk.table.name}: " + ", ".join(f"{counts[word]} {word}" for word in listed))
    for g in gates:
        if g.status in WAITS:
            page = links.partition_url(desk.table.name, "plan", g.partition, desk.settings.ui_url)
            click.echo(f"waits: {g.partition}  {_typed(context, 'review', 'show', g.partition)}")
            click.echo(f"                   {page}")


def _conservation(c: Candidate) -> str:
    return (
        f"{c.landed_rows:,} landed = {c.rows:,} to publish + {c.quarantined_rows:,} set aside "
        f"+ {c.duplicate_rows:,} duplicates"
    )


def _typed(context: click.Context, *words: str) -> str:
    """A command of ours as it is typed, on the table that this one was about."""
    declaration, table_name = context.find_root().obj
    options = [
        *(["--declaration", str(declaration)] if declaration else []),
        *(["--table", table_name] if table_name else []),
    ]
    return shlex.join(["orders-monitor", *options, *words])


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
