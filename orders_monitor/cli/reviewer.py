"""`orders-monitor reviewer`: who may decide, and the keys with which they sign."""

import json
from pathlib import Path
from typing import get_args

import click
from pydantic import ValidationError

from orders_monitor.adapters import signing
from orders_monitor.adapters.reviewers import add_page_key, add_reviewer, load_reviewers, write_reviewers
from orders_monitor.cli.shared import JSON, tables_of
from orders_monitor.core.errors import SigningRefused
from orders_monitor.core.people import Reviewer, Role
from orders_monitor.settings import read_settings

KEYS = Path("~/.config/orders-monitor")
_KEY_OUT = click.option(
    "--key-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the private key goes, readable by its owner only.  [default: ~/.config/orders-monitor/NAME.key]",
)


@click.group("reviewer")
def reviewer() -> None:
    """See who may decide, and make the keys with which they sign."""


@reviewer.command("add")
@click.argument("name")
@click.option(
    "--role",
    "roles",
    type=click.Choice(get_args(Role)),
    multiple=True,
    default=("reviewer",),
    show_default=True,
    help="What they are (may be given several times).",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    default=("*",),
    show_default="all",
    help="A table they decide on (may be given several times).",
)
@_KEY_OUT
def add_command(name: str, roles: tuple[Role, ...], tables: tuple[str, ...], key_out: Path | None) -> None:
    """Make a key for NAME and add its public half to the reviewers file."""
    path, private, public = read_settings().reviewers, *signing.new_key()
    try:
        person = Reviewer(name=name, roles=tuple(dict.fromkeys(roles)), tables=tuple(dict.fromkeys(tables)), key=public)
    except ValidationError as error:
        raise SigningRefused(why=error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    text = add_reviewer(path, person)
    kept = _kept(private, key_out, name)
    write_reviewers(path, text)
    click.echo(f"{name} is in {path}: commit it in a reviewed change, it counts where that is deployed")
    click.echo(f"the private key is in {kept}, for {name} alone; to sign with it:")
    click.echo(f"    export ORDERS_MONITOR_KEY_FILE={kept}")


@reviewer.command("page-key")
@_KEY_OUT
def page_key_command(key_out: Path | None) -> None:
    """Make the key with which the review page vouches.

    For whom the authenticating proxy names; its public half goes into the reviewers file.
    """
    path, private, public = read_settings().reviewers, *signing.new_key()
    text = add_page_key(path, public)
    kept = _kept(private, key_out, "page")
    write_reviewers(path, text)
    click.echo(f"the page's public key is in {path}: commit it in a reviewed change")
    click.echo(f"the private key is in {kept}, for the page alone; to serve with it:")
    click.echo(f"    export ORDERS_MONITOR_PAGE_KEY_FILE={kept}")


@reviewer.command("list")
@JSON
@click.pass_context
def list_command(context: click.Context, as_json: bool) -> None:
    """List who may decide on what.

    And who is assigned in a declaration without being in the reviewers file.
    """
    settings = read_settings()
    known, tables = load_reviewers(settings.reviewers), tables_of(context)
    names = {name for table in tables for a in table.review.assigned for name in a.reviewers}
    unknown = sorted(names - {person.name for person in known.reviewers})
    if as_json:
        shown = {**known.model_dump(mode="json"), "environment": settings.environment, "assigned_but_unknown": unknown}
        click.echo(json.dumps(shown, indent=1))
        return
    for person in known.reviewers:
        key = f"key {person.key[:8]}" if person.key else "no key"
        click.echo(f"{person.name}  {', '.join(person.roles)}  on {', '.join(person.tables)}  {key}")
    if not known.reviewers:
        dev = settings.environment == "dev"
        click.echo("nobody; " + ("in dev a bare name is enough" if dev else "so nothing is decided here"))
    for name in unknown:
        click.echo(f"{name} is assigned in a declaration and is not in {settings.reviewers.name}")


def _kept(private: str, key_out: Path | None, name: str) -> Path:
    path = (key_out or KEYS / f"{name}.key").expanduser()
    signing.write_key(private, path)
    return path
