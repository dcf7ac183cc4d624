"""`orders-monitor`: run partitions, see what waits, decide. Every command is the same code that Dagster runs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from orders_monitor.cli.breaker import breaker
from orders_monitor.cli.calibration import backtest, calibrate
from orders_monitor.cli.cases import cases
from orders_monitor.cli.messages import messages, told
from orders_monitor.cli.money import budget, cost
from orders_monitor.cli.policy import policy
from orders_monitor.cli.publication import history, restore
from orders_monitor.cli.record import replay, trace
from orders_monitor.cli.review import review
from orders_monitor.cli.reviewer import reviewer
from orders_monitor.cli.shared import Broken, Plain, chosen, table_of, table_with, typed
from orders_monitor.cli.stand_in import stand_in
from orders_monitor.cli.upkeep import vacuum, verify
from orders_monitor.core.errors import PublicationRefused
from orders_monitor.pipeline import links
from orders_monitor.pipeline.execution import Night, nights
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.sentences import of_amount, of_spend, visible

# A run that broke between two stages left these; running goes on where it stopped.
UNFINISHED = ("no_plan", "unvalidated", "approved")
SPENT_WIDTH = len("12,345 of 60,000 tokens, $0.0123 of $0.25")
WORDS = {"awaiting": "waiting", "stale": "waiting", "no_plan": "not run", "unvalidated": "not checked"}


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

    Exit codes: 0 done (also where something waits), 1 we are broken, 2 the command is wrong, 3 refused
    (nothing changed), 4 decided already by somebody else.
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
    """Run the nightly job, and publish what was decided."""
    table = table_of(context)
    named = chosen(table, last=last, named=partitions, every=every)
    with open_instance() as instance, open_desk(table, run_id="cli") as desk:
        todo = [p for p in named if again or desk.gate(p).status in UNFINISHED]
        click.echo(f"{table.name}: {len(named)} partitions, {len(named) - len(todo)} of them done already")
        ran = list(_shown(nights(table, todo, instance, again=again), of=len(todo)))
        _summary(context, desk, named)
        told(desk, instance)
    if ran:
        click.echo(f"agent: {_total(ran)} spent")
    broken = {night.partition: visible(night.broken) for night in ran if night.broken}
    if broken:
        sentences = [f"  {partition}: {why}" for partition, why in broken.items()]
        raise Broken("\n".join([f"{len(broken)} of {len(ran)} runs broke:", *sentences]))


@commands.command("status")
@click.option(
    "--last", type=click.IntRange(min=1), default=30, show_default=True, help="The last so many complete partitions."
)
@click.pass_context
def status_command(context: click.Context, last: int) -> None:
    """Count what is published, waits and is held."""
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        _summary(context, desk, chosen(table, last=last, named=(), every=False))


@commands.command("publish")
@click.argument("partition")
@click.pass_context
def publish_command(context: click.Context, partition: str) -> None:
    """Publish an approved partition now, through the same gate."""
    table = table_with(context, partition)
    with open_desk(table, run_id="cli") as desk:
        before = desk.gate(partition)
    if before.status not in ("approved", "published", "unvalidated"):
        raise PublicationRefused(table=table.name, partition=partition, why=before.sentence)
    with open_instance() as instance:
        (night,) = nights(table, [partition], instance, publish_only=True)
    if night.broken and night.gate.status in ("approved", "published"):
        raise Broken(f"{table.name} {partition}: {visible(night.broken)}")
    if night.broken:
        raise PublicationRefused(table=table.name, partition=partition, why=night.gate.sentence)
    click.echo(f"{table.name} {partition}: {visible(night.gate.sentence)}")


# Each group of commands is a module of its own.
for group in (
    review,
    messages,
    reviewer,
    cases,
    policy,
    restore,
    history,
    verify,
    vacuum,
    breaker,
    stand_in,
    trace,
    budget,
    cost,
    replay,
    calibrate,
    backtest,
):
    commands.add_command(group)


def main() -> None:
    """The console script."""
    commands()


def _shown(ran: Iterator[Night], *, of: int) -> Iterator[Night]:
    """Each partition's line as soon as its run has ended."""
    width = len(str(of))
    for number, night in enumerate(ran, start=1):
        status = "broken" if night.broken else WORDS.get(night.gate.status, night.gate.status)
        spent = "" if night.spend is None else of_spend(night.spend)
        said = visible(night.broken or night.sentence)
        click.echo(f"  {number:>{width}}/{of}  {night.partition}  {status:<11}  {spent:>{SPENT_WIDTH}}  {said}")
        yield night


def _total(ran: Sequence[Night]) -> str:
    spends = [night.spend for night in ran if night.spend is not None]
    return of_amount(sum(spend.spent_tokens for spend in spends), sum(spend.spent_micro_usd for spend in spends))


def _summary(context: click.Context, desk: Desk, partitions: list[str]) -> None:
    """Counts, and for each partition that waits where to look and what to type."""
    gates = [desk.gate(partition) for partition in partitions]
    counts = Counter(WORDS.get(g.status, g.status) for g in gates)
    listed = ["published", "waiting", "held", *sorted(set(counts) - {"published", "waiting", "held"})]
    click.echo(f"{desk.table.name}: " + ", ".join(f"{counts[word]} {word}" for word in listed))
    for g in gates:
        if g.waits:
            page = links.partition_url(desk.table.name, "plan", g.partition, desk.settings.ui_url)
            click.echo(f"waits: {g.partition}  {typed(context, 'review', 'show', g.partition)}")
            click.echo(f"                   {page}")


if __name__ == "__main__":
    main()
