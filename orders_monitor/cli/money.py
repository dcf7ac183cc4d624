"""`orders-monitor budget` and `orders-monitor cost`: what is left of each cap, what is not settled, what it cost."""

import getpass
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any, get_args

import click

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.releases import load_release
from orders_monitor.cli.shared import JSON, Broken, now, table_of
from orders_monitor.core.budget import Account, Scope
from orders_monitor.core.cost import Balance, Cost, CostBy, Unsettled
from orders_monitor.pipeline.asking import limits_of
from orders_monitor.pipeline.sentences import visible
from orders_monitor.settings import Settings, read_settings

Named = tuple[str, int, int]
MAY_BE_ON_ITS_WAY_S = 1_800  # longer than the longest reply_timeout_s with all that comes around it
NAMED = (str, click.IntRange(0, 10**9), click.IntRange(1, 10**9))


@click.group("budget")
def budget() -> None:
    """See what is left of each cap, and settle what is unknown."""


@click.group("cost")
def cost() -> None:
    """See what the agent cost."""


@budget.command("show")
@click.option("--run", "run_id", default="", help="Also what this run spent; else only what each run may.")
@JSON
@click.pass_context
def show_command(context: click.Context, run_id: str, as_json: bool) -> None:
    """Show what is left of every cap.

    Cap, spent, reserved and remaining of every scope in its current period (UTC).
    """
    table, settings = table_of(context), read_settings()
    today = f"{now():%Y-%m-%d}"
    account = Account(run_id=run_id, table=table.name, team=table.owners.team, agent=table.agent, day=today)
    with _journal(settings) as journal:
        balances = journal.balances(account, limits_of(table, load_release(settings.prompts, table.agent)))
    if as_json:
        click.echo(json.dumps([_balance_row(balance) for balance in balances], indent=1))
    else:
        for balance in balances:
            click.echo("\n".join(_balance_lines(balance)))
    wrong = [_called(balance.scope) for balance in balances if not balance.agrees]
    if wrong:
        raise Broken(f"the running total is not what the entries add up to: {', '.join(wrong)}")


@budget.command("reconcile")
@click.option("--settle", type=NAMED, metavar="RUN STEP ATTEMPT", help="What the invoice says it cost.")
@click.option("--tokens", type=click.IntRange(0, 10**15), help="With --settle: tokens, in and out.")
@click.option("--micro-usd", type=click.IntRange(0, 10**15), help="With --settle: millionths of a dollar.")
@click.option("--overbilled", is_flag=True, help="With --settle: the invoice says more than was possible.")
@click.option("--never-sent", type=NAMED, metavar="RUN STEP ATTEMPT", help="This one cost nothing.")
@click.option("--spent-in-full", is_flag=True, help="Everything unsettled for --older-than-h: at its worst cost.")
@click.option("--older-than-h", type=click.IntRange(1, 100_000), default=24, show_default=True, help="Hours.")
@click.option("--note", default="", help="Why; kept with the entry.")
@click.option("--who", default=getpass.getuser, show_default="your login", help="Who says so; kept with the entry.")
@JSON
def reconcile_command(  # one parameter for each option
    *,
    settle: Named | None,
    tokens: int | None,
    micro_usd: int | None,
    overbilled: bool,
    never_sent: Named | None,
    spent_in_full: bool,
    older_than_h: int,
    note: str,
    who: str,
    as_json: bool,
) -> None:
    """List what is reserved and not settled, or settle it by hand. Nothing is ever given back by itself."""
    if sum((settle is not None, never_sent is not None, spent_in_full)) > 1:
        raise click.UsageError("--settle, --never-sent or --spent-in-full: one at a time")
    amounts = (tokens is not None, micro_usd is not None)
    if amounts != (settle is not None,) * 2 or (overbilled and settle is None):
        raise click.UsageError("--settle goes with --tokens and --micro-usd, and --overbilled with --settle")
    with _journal(read_settings()) as journal:
        if settle is not None:
            _settle(journal, settle, tokens or 0, micro_usd or 0, who=who, note=note, overbilled=overbilled)
        elif never_sent is not None:
            _settle(journal, never_sent, 0, 0, who=who, note=note)
        elif spent_in_full:
            _settle_in_full(journal, now() - timedelta(hours=older_than_h), who=who, note=note)
        else:
            _list(journal.unsettled(), as_json=as_json)


@cost.command("report")
@click.option("--by", type=click.Choice(get_args(CostBy)), required=True, help="One row for each of these.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this UTC day of reservation on.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Up to this day, itself included.")
@JSON
def report_command(by: CostBy, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    """Add the ledger up by one key.

    Settled tokens and micro-dollars, and what is still reserved.
    """
    if since is not None and until is not None and until < since:
        raise click.UsageError("--until is before --since")
    days = [None if day is None else f"{day:%Y-%m-%d}" for day in (since, until)]
    with _journal(read_settings()) as journal:
        costs = journal.costs(by, since=days[0], until=days[1])
    if as_json:
        click.echo(json.dumps([_cost_row(cost, by) for cost in costs], indent=1))
        return
    click.echo(f"{by:<40}  {'calls':>7}  {'tokens':>13}  {'USD':>14}  {'reserved USD':>14}")
    for name, row in [*((visible(cost.key), cost) for cost in costs), ("total", _sum(costs))]:
        spent, reserved = usd(row.micro_usd), usd(row.reserved_micro_usd)
        click.echo(f"{name:<40}  {row.calls:>7,}  {row.tokens:>13,}  {spent:>14}  {reserved:>14}")


def usd(micro_usd: int) -> str:
    """Micro-dollars as dollars, to the last of them."""
    return f"${micro_usd // 1_000_000:,}.{micro_usd % 1_000_000:06}"


@contextmanager
def _journal(settings: Settings) -> Iterator[Journal]:
    with closing(Journal.open(settings.journal_url)) as journal:
        yield journal


def _settle(  # the named reservation, its cost, and who says so
    journal: Journal, key: Named, tokens: int, micro_usd: int, *, who: str, note: str, overbilled: bool = False
) -> None:
    found = next((u for u in journal.unsettled() if u.reservation.key == key), None)
    held = journal.reconcile(key, tokens=tokens, micro_usd=micro_usd, who=who, note=note, overbilled=overbilled)
    was = f"{held.tokens:,} tokens and {usd(held.micro_usd)} were reserved on {held.day}"
    click.echo(f"{visible(_key(key))}: settled at {tokens:,} tokens and {usd(micro_usd)}; {was}")
    if found is not None and found.was_sent and _age_s(found, now()) < MAY_BE_ON_ITS_WAY_S:
        click.echo(
            "it was reserved just now: if its run still waits for the answer, that cost counts no more", err=True
        )


def _settle_in_full(journal: Journal, before: datetime, *, who: str, note: str) -> None:
    """What was never sent costs nothing; everything else what it could at worst."""
    old = [u for u in journal.unsettled() if datetime.fromisoformat(u.since) < before]
    for unsettled in old:
        held = unsettled.reservation
        amounts = (held.tokens, held.micro_usd) if unsettled.was_sent else (0, 0)
        _settle(journal, held.key, *amounts, who=who, note=note)
    click.echo(f"{len(old)} reservations settled")


def _list(unsettled: tuple[Unsettled, ...], *, as_json: bool) -> None:
    at = now()
    if as_json:
        click.echo(json.dumps([_unsettled_row(u, at) for u in unsettled], indent=1))
        return
    for u in unsettled:
        held = u.reservation
        what = "an attempt on its way, or of unknown outcome" if u.was_sent else "held back for a last word, never sent"
        worst = f"{held.tokens:,} tokens, {usd(held.micro_usd)}"
        click.echo(f"{visible(_key(held.key))}  {_age_s(u, at) // 60:,} min  at most {worst}  {what}")
    click.echo(f"{len(unsettled)} reservations are not settled" if unsettled else "everything is settled")


def _unsettled_row(unsettled: Unsettled, at: datetime) -> dict[str, Any]:
    held = unsettled.reservation.model_dump()
    return {
        **{name: held[name] for name in ("run_id", "step", "attempt", "table", "partition", "team", "agent", "model")},
        "release": held["release"],
        "day": held["day"],
        "age_s": _age_s(unsettled, at),
        "was_sent": unsettled.was_sent,
        "worst_tokens": held["tokens"],
        "worst_micro_usd": held["micro_usd"],
    }


def _age_s(unsettled: Unsettled, at: datetime) -> int:
    return int((at - datetime.fromisoformat(unsettled.since)).total_seconds())


def _key(key: Named) -> str:
    return f"run {key[0]} step {key[1]} attempt {key[2]}"


def _called(scope: Scope) -> str:
    return visible(scope.sentence) if scope.name else "each run"


def _balance_lines(balance: Balance) -> list[str]:
    total, cap = balance.total, balance.cap
    tokens = [f"{n:>15,}" for n in (cap.tokens, total.spent_tokens, total.reserved_tokens, balance.remaining_tokens)]
    money = (cap.micro_usd, total.spent_micro_usd, total.reserved_micro_usd, balance.remaining_micro_usd)
    words = ("cap", "spent", "reserved", "remaining")
    state = "" if balance.agrees else "  (the running total is not what the entries add up to)"
    return [
        f"{_called(balance.scope)}: {total.calls:,} calls{state}",
        *(f"  {w:<10}{t} tokens  {usd(m):>18}" for w, t, m in zip(words, tokens, money, strict=True)),
    ]


def _balance_row(balance: Balance) -> dict[str, Any]:
    return {
        "scope": balance.scope.kind,
        "name": balance.scope.name or None,
        "period": balance.scope.period or None,
        "cap_tokens": balance.cap.tokens,
        "cap_micro_usd": balance.cap.micro_usd,
        **balance.total.model_dump(),
        "remaining_tokens": balance.remaining_tokens,
        "remaining_micro_usd": balance.remaining_micro_usd,
        "agrees": balance.agrees,
    }


def _cost_row(row: Cost, by: CostBy) -> dict[str, Any]:
    return {"key": row.key, by: row.key, **row.model_dump(exclude={"key"}, exclude_none=True)}


def _sum(costs: tuple[Cost, ...]) -> Cost:
    amounts = ("calls", "tokens", "micro_usd", "reserved_tokens", "reserved_micro_usd")
    return Cost(key="total", **{name: sum(getattr(row, name) for row in costs) for name in amounts})
