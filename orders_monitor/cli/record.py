"""`orders-monitor trace` and `replay`: what a run left behind, whether it is what was written, and the plan again."""

import json

import click

from orders_monitor.cli.shared import JSON, Broken, Refused, table_of
from orders_monitor.pipeline import replay as replaying
from orders_monitor.pipeline import story
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.sentences import visible


@click.group("trace")
def trace() -> None:
    """Read the record of a run, and verify it."""


@trace.command("show")
@click.argument("run")
@JSON
@click.pass_context
def show_command(context: click.Context, run: str, as_json: bool) -> None:
    """Tell what happened in RUN, as a story.

    RUN is a run's id, the beginning of one, or a partition: then it is its latest night.
    """
    with open_desk(table_of(context), run_id="cli") as desk:
        run_id = run_named(desk, run)
        told = (
            json.dumps(story.as_json(desk, run_id), indent=1)
            if as_json
            else story.as_text(story.story_of(desk, run_id))
        )
    click.echo(told)


@trace.command("verify")
@click.argument("run", required=False)
@click.option("--all", "every", is_flag=True, help="Every run of the journal, of all tables.")
@click.pass_context
def verify_command(context: click.Context, run: str | None, every: bool) -> None:
    """Find out whether a record is what was written.

    Byte for byte, of RUN or of all. Of each run that is not, the first event is named at which that shows. Exit code 1
    then.
    """
    if every == (run is not None):
        raise click.UsageError("say which run, or --all")
    with open_desk(table_of(context), run_id="cli") as desk:
        run_ids = desk.journal.runs() if run is None else (_also_gone(desk, run),)
        found = desk.journal.verify_all() if run is None else tuple(filter(None, map(desk.journal.verify, run_ids)))
    if found:
        raise Broken("\n".join(f"run {visible(b.run_id)}: event {b.seq}: {visible(b.why)}" for b in found))
    what = f"{len(run_ids):,} runs" if run is None else f"run {run_ids[0]}"
    click.echo(f"{what}: the record is what was written")


def _also_gone(desk: Desk, name: str) -> str:
    """The run that is meant, also one of which no event is left while somebody remembers it."""
    return name if desk.journal.verify(name) is not None else run_named(desk, name)


@click.command("replay")
@click.argument("run")
@click.pass_context
def replay(context: click.Context, run: str) -> None:
    """Make the plan of RUN again from its record, with no model.

    The model's turns come from the record; tools, evidence and plan are done anew on the same landed bytes. Exit code
    1 where another plan comes out, or where the conversation leaves the record: the step and what differs are named.
    """
    with open_desk(table_of(context), run_id="cli") as desk:
        run_id = run_named(desk, run)
        again = replaying.replay(desk, run_id)
    said = f"{again.steps} requests from the record" if again.steps else "without a conversation"
    click.echo(f"run {run_id}: the same plan {again.digest} ({said})")


def run_named(desk: Desk, name: str) -> str:
    """The one run that a name means. Raises Refused where there is none, UsageError where there are several."""
    runs = desk.journal.runs(name)
    if name in runs or len(runs) == 1:
        return name if name in runs else runs[0]
    if runs:
        shown = ", ".join(visible(run_id) for run_id in runs[:5])
        raise click.UsageError(f"{len(runs)} runs begin with {visible(name)!r}: {shown}")
    latest = story.latest_run(desk, name)
    if latest is None:
        raise Refused(f"refused: no run {visible(name)!r} has recorded anything, and no partition of {desk.table.name}")
    return latest
