"""`orders-monitor restore` and `history`: what readers were given, and an earlier version of it again."""

import json
from uuid import uuid4

import click

from orders_monitor.cli.shared import JSON, NOTE, REVIEWER, Broken, table_with, typed
from orders_monitor.core.review import Gate, Publication
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import past
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.execution import nights
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.restoring import Proposed, ThereAlready, propose
from orders_monitor.pipeline.sentences import visible
from orders_monitor.pipeline.signing_in import identity_of
from orders_monitor.settings import read_settings

# An attempt that died may have left a claim open: the first run settles that one, the second publishes.
ATTEMPTS = 2


@click.command("restore")
@click.argument("partition")
@click.option("--to", "version", required=True, type=click.IntRange(min=0), help="A version that `history` shows.")
@REVIEWER
@NOTE
@click.pass_context
def restore(context: click.Context, partition: str, version: int, reviewer: str | None, note: str) -> None:
    """Give readers an earlier version of PARTITION.

    It is one commit of the file of then, through the same gate: you propose it, and where your word is enough it is
    published at once. VERSION is the Delta table's, also one in which another partition changed.
    """
    table = table_with(context, partition)
    settings = read_settings()
    by = identity_of(settings, reviewer, source="cli")
    with open_desk(table, run_id=f"restore-{uuid4()}", settings=settings) as desk:
        proposed = propose(desk, partition, version=version, by=by)
        if isinstance(proposed, ThereAlready):
            click.echo(f"{table.name} {partition}: readers see these bytes already, as {_named(proposed.now)}")
            return
        _say(context, table, partition, proposed)
        if desk.gate(partition).waits:
            record_decision(desk, partition, digest=proposed.digest, verdict="approve", by=by, note=note)
        answer = desk.gate(partition)
    if answer.status == "approved":
        answer = _published(table, partition)
    click.echo(f"{table.name} {partition}: {visible(answer.sentence)}")
    if answer.waits:
        _say_who(context, partition, proposed, by)


@click.command("history")
@click.argument("partition")
@JSON
@click.pass_context
def history(context: click.Context, partition: str, as_json: bool) -> None:
    """Tell everything that happened to PARTITION.

    Who, when, which version, and what readers see now.
    """
    table = table_with(context, partition)
    with open_desk(table, run_id="cli") as desk:
        told = past.of_partition(desk, partition)
    if as_json:
        click.echo(json.dumps(told.model_dump(mode="json"), indent=1))
        return
    for moment in told.moments:
        click.echo(visible(f"{moment.at[:19].replace('T', ' ')}  {moment.what:<9}  {moment.sentence}"))
    now = told.readers_see
    click.echo("readers see nothing of it" if now is None else f"readers see {_named(now)}: {now.rows:,} rows")


def _published(table: MonitoredTable, partition: str) -> Gate:
    with open_instance() as instance:
        for _ in range(ATTEMPTS):
            (night,) = nights(table, [partition], instance, publish_only=True)
            if night.gate.status != "approved":
                return night.gate
    why = visible(night.broken or "it is decided and not published yet")
    raise Broken(f"{table.name} {partition}: {why}")


def _named(publication: Publication) -> str:
    return f"version {publication.delta_version} (publication {publication.number})"


def _say(context: click.Context, table: MonitoredTable, partition: str, proposed: Proposed) -> None:
    target, now = proposed.target, proposed.now
    click.echo(
        f"{table.name} {partition}: {_named(target)} with {target.rows:,} rows "
        f"in place of {_named(now)} with {now.rows:,} rows; digest {proposed.digest[:12]}"
    )
    if proposed.replaced is not None:
        again = typed(context, "run", "--partition", partition, "--again")
        click.echo(
            f"what was asked before ({str(proposed.replaced.digest)[:12]}) is asked no more; to ask again: {again}"
        )


def _say_who(context: click.Context, partition: str, proposed: Proposed, by: Identity) -> None:
    """Who must still approve, and what they type."""
    others = ", ".join(name for name in (by.name, *proposed.asked.not_by) if name)
    click.echo(
        f"{proposed.asked.needed} people must approve it ({'; '.join(proposed.asked.reasons)}), others than {others}:"
    )
    words = ("review", "approve", partition, "--digest", proposed.digest[:12], "--note", "why")
    click.echo(f"  {typed(context, *words)}")
