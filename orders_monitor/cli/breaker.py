"""`orders-monitor breaker`: what is left alone because it failed too often, and a person's word that it works again."""

import getpass
import json
from typing import Any, get_args

import click

from orders_monitor.cli.shared import JSON, table_of, typed
from orders_monitor.core.breaker import State, Zone
from orders_monitor.pipeline import breaker as breakers
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.sentences import visible


@click.group("breaker")
def breaker() -> None:
    """See what is left alone after failures, and close it."""


@breaker.command("show")
@JSON
@click.pass_context
def show_command(context: click.Context, as_json: bool) -> None:
    """Show the state of every zone of the table."""
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        states = breakers.states(desk)
    if as_json:
        click.echo(json.dumps([_row(table.name, zone, state) for zone, state in states.items()], indent=1))
        return
    for zone, state in states.items():
        click.echo(f"{zone:<9}  {visible(breakers.sentence(state))}")
        if state.kind != "closed":
            click.echo(f"           it works again? {typed(context, 'breaker', 'close', zone, '--note', 'why')}")


@breaker.command("close")
@click.argument("zone", type=click.Choice(get_args(Zone)))
@click.option("--who", default=getpass.getuser, show_default="your login", help="Who says so.")
@click.option("--note", required=True, help="Why it works again; kept in the journal.")
@click.pass_context
def close_command(context: click.Context, zone: Zone, who: str, note: str) -> None:
    """Close the breaker of a zone before its time.

    The next to come is let through.
    """
    if not who.strip() or not note.strip():
        raise click.UsageError("say who you are and why it works again")
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        breakers.close(desk, zone, who=who, note=note)
        click.echo(f"{zone} of {table.name}: {visible(breakers.sentence(breakers.states(desk)[zone]))}")


def _row(table: str, zone: Zone, state: State) -> dict[str, Any]:
    return {"table": table, "zone": zone, "state": state.kind, **state.model_dump(mode="json", exclude={"kind"})}
