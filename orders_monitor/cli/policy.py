"""`orders-monitor policy`: who decides on what, and what is left of what the policy may settle by itself."""

import json
from typing import get_args

import click

from orders_monitor.cli.shared import JSON, table_of
from orders_monitor.core.environment import Environment
from orders_monitor.core.policy import ActionClass, Allowance, Policy, Used
from orders_monitor.pipeline.resources import open_desk

ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)
WIDTH = max(map(len, get_args(ActionClass)))


@click.group("policy")
def policy() -> None:
    """See who decides on what."""


@policy.command("show")
@JSON
@click.pass_context
def show_command(context: click.Context, as_json: bool) -> None:
    """Show who decides on each class of action.

    In each environment; and what is left of the team's allowance.
    """
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        used, here = desk.journal.used(table.owners.team), desk.settings.environment
    routes, left = _routes(table.policy), _left(table.policy.allowance, used)
    if as_json:
        shown = {
            "table": table.name,
            "environment": here,
            "routes": routes,
            "quarantine_share_automatic": table.policy.quarantine_share_automatic,
            "review_share_max": table.policy.review_share_max,
            "decide_within_h": table.policy.decide_within_h,
            "team": table.owners.team,
            "allowance": left,
        }
        click.echo(json.dumps(shown, indent=1))
        return
    click.echo(f"{table.name}, in {here}: who decides")
    click.echo("  ".join([" " * WIDTH, *(f"{name:<10}" for name in ENVIRONMENTS)]).rstrip())
    for action, by in routes.items():
        click.echo("  ".join([f"{action:<{WIDTH}}", *(f"{by[name]:<10}" for name in ENVIRONMENTS)]).rstrip())
    declared = table.policy
    click.echo(f"for a person: more than {declared.quarantine_share_automatic:.2%} of the rows set aside")
    click.echo(f"held as one case: more than {declared.review_share_max:.2%} of the rows set aside")
    click.echo(f"rejected: what nobody decides in {declared.decide_within_h} h")
    for name, about in left.items():
        span, unit = name.split("_")
        said = f"{about['left']:,} of {about['limit']:,} {unit} are left this {span}"
        click.echo(f"allowance of {table.owners.team}: {said}")


def _routes(declared: Policy) -> dict[str, dict[str, str]]:
    return {action: {name: declared.route(action, name) for name in ENVIRONMENTS} for action in get_args(ActionClass)}


def _left(allowance: Allowance, used: Used) -> dict[str, dict[str, int]]:
    """Of each span and unit: the limit, what is used, and what is left (a limit may be lowered below what is used)."""
    return {
        name: {"limit": limit, "used": taken, "left": max(0, limit - taken)}
        for name, limit in allowance.model_dump().items()
        for taken in (used.model_dump()[name],)
    }
