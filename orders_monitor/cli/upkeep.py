"""`orders-monitor verify` and `vacuum`: whether the stores agree, and what of the lake nothing needs any more."""

import json

import click

from orders_monitor.cli.shared import JSON, Broken, now, table_of, table_with
from orders_monitor.core.retention import DAYS_MAX
from orders_monitor.pipeline import tidying
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.sentences import visible
from orders_monitor.pipeline.verifying import Verified, Verifier


@click.command("verify")
@click.argument("partition", required=False)
@JSON
@click.pass_context
def verify(context: click.Context, partition: str | None, as_json: bool) -> None:
    """Compare lake, Delta log and journal.

    Of PARTITION, or of the whole table: every receipt and commit, every file byte for byte, the rows, the chain of
    records, who decided. What differs is said with the command that mends it; exit code 1 then.
    """
    table = table_of(context) if partition is None else table_with(context, partition)
    with open_desk(table, run_id="cli") as desk:
        found = Verifier(desk, now=now(), partition=partition).verified()
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), indent=1))
    else:
        _say(found)
    if found.differences:
        raise Broken(f"{table.name}: {len(found.differences)} differences")


@click.command("vacuum")
@click.option("--keep-days", type=click.IntRange(1, DAYS_MAX), help="Instead of the declared `retention.keep_days`.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.pass_context
def vacuum(context: click.Context, keep_days: int | None, dry_run: bool) -> None:
    """Remove the files that nothing needs any more.

    By the declared `retention`. Kept are what readers see, what waits, what can be restored or replayed, what later
    partitions are compared with, and everything of the last day. It may be interrupted, and may run beside nights and
    publications.
    """
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        done = tidying.vacuum(desk, now=now(), keep_days=keep_days, dry_run=dry_run)
    if dry_run:
        for each in (*done.files, *done.scratches):
            click.echo(f"{each.size_bytes:>14,}  {visible(each.path)}")
    word = "would be removed" if dry_run else "removed"
    click.echo(
        f"{table.name}: {len(done.files):,} files and {len(done.scratches):,} scratch folders {word}, "
        f"{done.freed_bytes:,} bytes; {done.kept:,} files are kept"
    )


def _say(found: Verified) -> None:
    for note in found.notes:
        click.echo(visible(f"note: {note}"))
    for each in found.differences:
        click.echo(visible(f"{each.partition or 'the table'}: {each.sentence}"))
        click.echo(visible(f"  mend: {each.mend}"))
    looked = f"{found.partitions:,} partitions, {found.files:,} files, {found.size_bytes:,} bytes"
    if not found.differences:
        click.echo(f"{found.table}: {looked}: lake, log and journal agree")
