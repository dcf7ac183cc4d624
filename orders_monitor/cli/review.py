"""`orders-monitor review`: see what waits for a person, and decide.

With `--json` every command prints one document on standard output whose keys are stable: `list` an array of
`core.casebook.CaseSummary`, `show` a `CaseView`, `approve` and `reject` a decision with what comes next, `edit` the old
and the new digest with the new plan, `sign` a signature with what it is over.
"""

import json
from functools import partial
from typing import get_args

import click

from orders_monitor.cli import case_text
from orders_monitor.cli.serve import serve_command
from orders_monitor.cli.shared import JSON, NOTE, REVIEWER, now, table_with, tables_meant, typed
from orders_monitor.core.casebook import CaseSummary
from orders_monitor.core.editing import WORDS, Change, HoldInstead, SetAside, predicate_of
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.latecomers import why_another
from orders_monitor.core.review import Decision, Verdict
from orders_monitor.pipeline import casebook
from orders_monitor.pipeline.deciding import record_decision
from orders_monitor.pipeline.editing import edit
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.sentences import visible
from orders_monitor.pipeline.showing import show
from orders_monitor.pipeline.signing_in import identity_of

DIGEST = click.option("--digest", required=True, help="At least 12 characters of the digest that `review show` prints.")
SOURCE = "cli"


@click.group("review")
def review() -> None:
    """See what waits for a person, and decide."""


@review.command("list")
@JSON
@click.option("--all", "every", is_flag=True, help="Also what is decided and published.")
@click.pass_context
def list_command(context: click.Context, as_json: bool, every: bool) -> None:
    """List what needs a person.

    How long it waits, until when, for whom, and what is wrong. Of every declared table, or of the one of --table.
    """
    tables = tables_meant(context)
    cases: list[CaseSummary] = []
    for table in tables:
        with open_desk(table, run_id="cli") as desk:
            cases += casebook.inbox(desk, every=every)
    if as_json:
        click.echo(json.dumps([case.model_dump(mode="json") for case in cases], indent=1))
        return
    for case in cases:
        said = partial(typed, context)
        for line in case_text.summary_lines(case, now=now(), typed=said, named=len(tables) > 1):
            click.echo(line)
    if not cases:
        click.echo("nothing waits")


@review.command("show")
@click.argument("partition")
@JSON
@click.pass_context
def show_command(context: click.Context, partition: str, as_json: bool) -> None:
    """Show a case, and what to type.

    What is wrong, what is to be done and on what evidence, rows, history, what approving does and how it is undone.
    """
    table = table_with(context, partition)
    with open_desk(table, run_id="cli") as desk:
        case = casebook.view(desk, partition)
    if as_json:
        click.echo(case.model_dump_json(indent=1))
        return
    for line in case_text.lines_of(case, now=now(), typed=partial(typed, context)):
        click.echo(line)


def _decision(verdict: Verdict) -> None:
    @review.command(verdict)
    @click.argument("partition")
    @DIGEST
    @REVIEWER
    @NOTE
    @JSON
    @click.pass_context
    def command(
        context: click.Context, partition: str, *, digest: str, reviewer: str | None, note: str, as_json: bool
    ) -> None:
        table = table_with(context, partition)
        if verdict == "reject" and not note.strip():
            raise ReviewRefused(table=table.name, partition=partition, why="say why with --note: others act on it")
        with open_desk(table, run_id="cli") as desk:
            by = identity_of(desk.settings, reviewer, source=SOURCE)
            made = record_decision(desk, partition, digest=digest, verdict=verdict, by=by, note=note)
            answer = desk.gate(partition)
            _show_in_the_ui(desk, partition)
        publish = typed(context, "publish", partition)
        if as_json:
            following = publish if answer.status == "approved" else None
            said = {"decision": made.model_dump(mode="json"), "status": answer.status, "verdict": answer.sentence}
            click.echo(json.dumps({**said, "next": following}, indent=1))
            return
        click.echo(f"decision {made.id}: {verdict} {table.name} {partition} {made.digest[:12]}")
        if answer.status == "approved":
            click.echo(f"the `decisions` sensor publishes it; at once: {publish}")
        elif verdict == "approve":
            click.echo(visible(answer.sentence))

    command.help = f"{verdict.capitalize()} exactly the plan and bytes that a digest names."


_decision("approve")
_decision("reject")


@review.command("edit")
@click.argument("partition")
@DIGEST
@click.option("--hold", "hold", metavar="WHY", help="Publish nothing of it.")
@click.option(
    "--set-aside",
    "aside",
    multiple=True,
    metavar="ROWS",
    help=f"Keep these rows out: a column and one of {WORDS}; or a predicate's JSON.",
)
@click.option("--also", is_flag=True, help="Besides the rows that the plan sets aside, not instead of them.")
@REVIEWER
@NOTE
@JSON
@click.pass_context
def edit_command(
    context: click.Context,
    partition: str,
    *,
    digest: str,
    hold: str | None,
    aside: tuple[str, ...],
    also: bool,
    reviewer: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Narrow a plan, or hold it.

    Other rows are set aside, or nothing is published. What comes of it has a digest of its own, to be approved.
    A rename, cast or division stays as it is: without it there are no columns to publish, so hold the partition.
    """
    change = _change(hold, aside, also=also)
    table = table_with(context, partition)
    with open_desk(table, run_id="cli") as desk:
        by = identity_of(desk.settings, reviewer, source=SOURCE)
        before = desk.gate(partition).digest
        plan = edit(desk, partition, digest=digest, change=change, by=by, note=note)
        answer = desk.gate(partition)
        _show_in_the_ui(desk, partition)
    if as_json:
        said = {"table": table.name, "partition": partition, "before": before, "digest": answer.digest}
        outcome = {"status": answer.status, "verdict": answer.sentence, "plan": plan.model_dump(mode="json")}
        click.echo(json.dumps({**said, **outcome}, indent=1))
        return
    click.echo(f"{table.name} {partition}: {visible(answer.sentence)}; {str(before)[:12]} is stale")
    if answer.waits:
        click.echo(f"look at it: {typed(context, 'review', 'show', partition)}")


@review.command("sign")
@click.argument("partition")
@DIGEST
@click.option("--verdict", type=click.Choice(get_args(Verdict)), required=True, help="What you decide.")
@REVIEWER
@click.option("--note", default="", help="The very note that you type in the Launchpad.")
@JSON
@click.pass_context
def sign_command(
    context: click.Context,
    partition: str,
    *,
    digest: str,
    verdict: Verdict,
    reviewer: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Print the signature of a decision.

    For a decision that is recorded elsewhere: outside dev the Launchpad asks for it. It is good for these bytes, this
    answer, this note and this moment: after another decision, sign again.
    """
    table = table_with(context, partition)
    with open_desk(table, run_id="cli") as desk:
        by = identity_of(desk.settings, reviewer, source="launchpad")
        case, found = desk.case(partition), desk.gate(partition)
        another = why_another(found, digest)
        if case.digest is None or another is not None:
            why = another if case.digest else f"there is nothing to sign: {found.sentence}"
            raise ReviewRefused(table=table.name, partition=partition, why=why or "")
        decision = Decision(
            id=0,
            table=table.name,
            partition=partition,
            digest=case.digest,
            verdict=verdict,
            reviewer=by.name.strip(),
            note=note,
            source=by.source,
            seen=case.last_decision,
        )
        signature = by.signature(decision, desk)
    if not signature:
        why = "there is no key to sign with: set ORDERS_MONITOR_KEY_FILE (in dev no signature is asked for)"
        raise ReviewRefused(table=table.name, partition=partition, why=why)
    said = {"reviewer": decision.reviewer, "verdict": verdict, "digest": decision.digest, "note": note}
    click.echo(json.dumps({**said, "signature": signature}, indent=1) if as_json else signature)


review.add_command(serve_command)


def _change(hold: str | None, aside: tuple[str, ...], *, also: bool) -> Change:
    """What the options ask for. Raises UsageError."""
    if (hold is None) == (not aside):
        raise click.UsageError("say either --hold WHY, or --set-aside ROWS (as often as needed)")
    if hold is not None:
        if also or not hold.strip():
            raise click.UsageError("--also goes with --set-aside" if also else "--hold needs its reason")
        return HoldInstead(why=hold[:2_000])
    try:
        return SetAside(where=tuple(predicate_of(text) for text in aside), also=also)
    except ValueError as error:
        raise click.BadParameter(str(error).splitlines()[0], param_hint="'--set-aside'") from error


def _show_in_the_ui(desk: Desk, partition: str) -> None:
    """The partition's check in Dagster says at once what the gate says now."""
    with open_instance() as instance:
        show(instance, desk.gate(partition), desk.table, desk.settings.ui_url)
