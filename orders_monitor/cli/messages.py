"""`orders-monitor messages`: what people were told, are to be told and could not be told; and who takes care."""

import getpass
import json
from datetime import timedelta
from typing import Any

import click
import dagster as dg

from orders_monitor.adapters.journal.outbox import Sent
from orders_monitor.cli.shared import JSON, Broken, now, table_of
from orders_monitor.core.incident import Incident
from orders_monitor.core.times import ms, said
from orders_monitor.pipeline import delivering, notifying
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.sentences import visible


@click.group("messages")
def messages() -> None:
    """See what people are told, and take care of an incident."""


@messages.command("list")
@JSON
@click.option("--all", "every", is_flag=True, help="Also what is over and what was delivered.")
@click.pass_context
def list_command(context: click.Context, as_json: bool, every: bool) -> None:
    """List the open incidents, and the messages that are not delivered."""
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        outbox = desk.outbox
        incidents = [each for each in outbox.incidents(table.name)[0] if every or not each.settled]
        kept = outbox.messages(table=table.name, now_ms=ms(now()), every=every)
    if as_json:
        rows = {"incidents": [_of_incident(each) for each in incidents], "messages": [_of_message(m) for m in kept]}
        click.echo(json.dumps(rows, indent=1))
        return
    for each in incidents:
        state = "over" if each.settled else f"taken care of by {each.acknowledged}" if each.acknowledged else "open"
        click.echo(visible(f"{each.key}  {state}  since {each.asked_at}  {', '.join(each.members)}"))
    for message in kept:
        why = f": {delivering.why_late(message)}" if message.state in ("undelivered", "given_up") else ""
        whom = " ".join(filter(None, (message.message.address.channel, message.message.address.to)))
        click.echo(visible(f"{message.state}  {whom}  {message.message.subject}{why}"))
    if not incidents and not kept:
        click.echo("nobody is to be told anything")


@messages.command("drain")
@JSON
@click.pass_context
def drain_command(context: click.Context, as_json: bool) -> None:
    """Deliver now what is not delivered.

    Also what was tried in vain or given up. Exit code 1 where something stays undelivered.
    """
    table = table_of(context)
    with open_instance() as instance, open_desk(table, run_id="cli") as desk:
        notifying.tell(desk, instance, now=now(), wait=timedelta(0))
        desk.outbox.try_again(who=getpass.getuser(), now_ms=ms(now()))
        drained = delivering.drain(desk, now=now)
    if as_json:
        click.echo(json.dumps({"sent": drained.sent, "failed": list(drained.failed)}, indent=1))
    else:
        click.echo(f"{drained.sent} delivered")
    if drained.failed:
        raise Broken(f"{len(drained.failed)} not delivered: {visible('; '.join(dict.fromkeys(drained.failed)))}")


@messages.command("ack")
@click.argument("incident")
@click.option("--who", default=getpass.getuser, show_default="your login", help="Who takes care of it.")
@click.option("--note", required=True, help="What is done about it; kept in the journal.")
@click.pass_context
def ack_command(context: click.Context, incident: str, who: str, note: str) -> None:
    """Take care of INCIDENT: nobody else is called.

    INCIDENT is its name as `messages list` prints it, the beginning of it, or a partition.
    """
    if not incident.strip() or not who.strip() or not note.strip():
        raise click.UsageError("say which incident it is, who you are and what is done about it")
    table = table_of(context)
    with open_desk(table, run_id="cli") as desk:
        taken = notifying.acknowledge(desk, incident, who=who.strip(), note=note, now=now())
    click.echo(f"{taken.key}: taken care of by {visible(who.strip())}; a decision is still asked for")


def told(desk: Desk, instance: dg.DagsterInstance) -> None:
    """After a night without a daemon: tell what is to be told, and say what could not be."""
    notifying.tell(desk, instance, now=now(), wait=timedelta(0))
    failed = delivering.drain(desk, now=now).failed
    for why in dict.fromkeys(failed):
        click.echo(f"not told: {visible(why)}; it is tried again by the daemon, or `orders-monitor messages drain`")


def _of_incident(incident: Incident) -> dict[str, Any]:
    return {
        "incident": incident.key,
        "kind": incident.trouble.kind,
        "members": list(incident.members),
        "causes": list(incident.trouble.causes),
        "since": incident.asked_at,
        "acknowledged": incident.acknowledged or None,
        "over": incident.settled,
    }


def _of_message(sent: Sent) -> dict[str, Any]:
    message = sent.message
    return {
        "message": message.key,
        "incident": message.incident or None,
        "kind": message.kind,
        "channel": message.address.channel,
        "to": message.address.to,
        "subject": message.subject,
        "lines": list(message.lines),
        "links": [link.model_dump() for link in message.links],
        "state": sent.state,
        "attempts": sent.attempts,
        "since": said(sent.at_ms),
        "why": sent.why or None,
    }
