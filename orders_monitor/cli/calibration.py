"""`orders-monitor calibrate` and `backtest`: learn what is ordinary, and measure what the detectors would find."""

import json

import click

from orders_monitor.cli.shared import JSON, Refused, table_of, typed
from orders_monitor.core.backtest import Backtest, Found
from orders_monitor.core.calibration import Calibration
from orders_monitor.core.contract import Contract
from orders_monitor.core.injection import KINDS, kinds_named
from orders_monitor.core.rates import Rate
from orders_monitor.pipeline import backtest as testing
from orders_monitor.pipeline import calibration as calibrating
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.sentences import visible

RULES_SHOWN = 40


@click.group("calibrate", invoke_without_command=True)
@click.option(
    "--target",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    default=calibrating.TARGET,
    show_default=True,
    help="So many of the ordinary partitions may alarm, as a share.",
)
@JSON
@click.pass_context
def calibrate(context: click.Context, target: float, as_json: bool) -> None:
    """Learn from all published partitions what is ordinary.

    What was judged before stays as it is.
    """
    if context.invoked_subcommand is not None:
        return
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        made = calibrating.calibrate(desk, target=target)
    _show(made, table.contract, as_json=as_json)


@calibrate.command("list")
@JSON
@click.pass_context
def list_command(context: click.Context, as_json: bool) -> None:
    """List every version, the oldest first."""
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        kept = desk.journal.calibrations(table.name)
    if as_json:
        click.echo(json.dumps([_row(made) | {"recorded_at": at} for made, at in kept], indent=1))
        return
    for made, at in kept:
        click.echo(f"{at[:19]}  {_headline(made, table.contract)}")
    if not kept:
        click.echo(f"{table.name} has no calibration: {typed(context, 'calibrate')}")


@calibrate.command("show")
@click.argument("version", type=click.IntRange(min=1), required=False)
@JSON
@click.pass_context
def show_command(context: click.Context, version: int | None, as_json: bool) -> None:
    """Show a calibration: VERSION, or the newest.

    Its rules and its false-positive rate.
    """
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        made = desk.journal.calibration(table.name, version)
    if made is None:
        which = "calibration" if version is None else f"calibration {version}"
        raise Refused(f"refused: {table.name} has no {which}")
    _show(made, table.contract, as_json=as_json)


@click.command("backtest")
@click.option("--inject", "kinds", is_flag=True, help="Inject incidents: all kinds, or the ones that are named.")
@click.argument("names", metavar="[KIND]...", nargs=-1)
@click.option(
    "--days", type=click.IntRange(min=1), default=10, show_default=True, help="Inject each kind into so many."
)
@JSON
@click.pass_context
def backtest(context: click.Context, kinds: bool, names: tuple[str, ...], days: int, as_json: bool) -> None:
    """Measure false alarms, and what is found of incidents.

    Without --inject there are no incidents. The first part of the published history calibrates, the rest is tested.
    Nothing is recorded.
    """
    if names and not kinds:
        raise click.UsageError("say --inject before the kinds")
    try:
        chosen = kinds_named(names) if kinds else ()
    except KeyError as error:
        known = ", ".join(kind.name for kind in KINDS)
        raise click.UsageError(f"no kind {visible(str(error.args[0]))!r}; there are: {known}") from error
    with open_desk(table_of(context), run_id="cli") as desk:
        made = testing.backtest(desk, chosen, days=days)
    click.echo(json.dumps(made.model_dump(mode="json"), indent=1) if as_json else "\n".join(lines_of(made)))


def lines_of(made: Backtest) -> list[str]:
    """The table of a backtest, for a terminal."""
    tested = f"tested on the {made.tested} after them ({made.first} to {made.last})"
    lines = [
        f"{made.table}: calibrated on {made.trained} partitions, {tested}",
        f"ordinary partitions that alarmed: {of_rate(made.false_positives)}",
    ]
    if not made.kinds:
        return lines
    lines += ["", f"{'kind':<20}  {'recall':>6}  {'95 % interval':>13}  {'of':>3}  {'precision':>9}  {'delay':>5}"]
    lines += [_line(found) for found in made.kinds]
    lines += ["", *(_line(found) for found in made.classes), ""]
    for name, value in (("tuned", made.recall_tuned), ("held-out", made.recall_held_out)):
        if value is not None:
            lines.append(f"mean recall over {name} kinds: {value:.2f}")
    return lines


def of_rate(found: Rate) -> str:
    """A share with its interval and what it is of."""
    return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}, of {found.of})"


def _line(found: Found) -> str:
    recall = found.recall
    interval = f"{recall.low:.2f} to {recall.high:.2f}"
    precision = "-" if found.precision is None else f"{found.precision:.2f}"
    delay = "-" if found.delay is None else f"{found.delay:g}"
    of_both = found.name == found.incident  # a class has kinds of either sort
    mark = "" if found.tuned or of_both else "  held out"
    return f"{found.name:<20}  {recall.value:>6.2f}  {interval:>13}  {recall.of:>3}  {precision:>9}  {delay:>5}{mark}"


def _show(made: Calibration, contract: Contract, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made.model_dump(mode="json"), indent=1))
        return
    click.echo(_headline(made, contract))
    limits = [f"{name} {limit:.4g}" for name, limit in made.thresholds.model_dump().items() if limit is not None]
    aside = f"; {made.left_aside} days too strange to count" if made.left_aside else ""
    click.echo(f"  thresholds: {', '.join(limits) or 'none'}{aside}")
    shown = made.rules.rules[:RULES_SHOWN]
    for rule in shown:
        click.echo(f"  {visible(rule.sentence)}")
    if len(made.rules.rules) > len(shown):
        click.echo(f"  and {len(made.rules.rules) - len(shown)} rules more: --json")


def _headline(made: Calibration, contract: Contract) -> str:
    rate, outdated = made.false_positive_rate, made.outdated(contract)
    return (
        f"{made.table} calibration {made.version}: {made.days} days ({made.first} to {made.last}), "
        f"{len(made.rules.rules)} rules, alarms on {of_rate(rate)} ordinary partitions, target {made.target:.1%}"
        f"{f'; {outdated}: calibrate again' if outdated else ''}"
    )


def _row(made: Calibration) -> dict[str, object]:
    body = made.model_dump(mode="json", exclude={"rules"})
    return body | {"rules": len(made.rules.rules)}
