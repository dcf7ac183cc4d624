"""What every command shares: how it ends, which table it is about, and how a command of ours is typed."""

import shlex
from datetime import UTC, datetime
from typing import IO, Any

import click

from orders_monitor.component import read_declaration
from orders_monitor.core.errors import (
    CalibrationRefused,
    DecidedAlready,
    OrdersMonitorError,
    PublicationRefused,
    ReconciliationRefused,
    RestoreRefused,
    ReviewRefused,
    SigningRefused,
)
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.sentences import visible
from orders_monitor.settings import PROJECT_ROOT

DECLARATIONS = PROJECT_ROOT / "orders_monitor" / "defs"
# The options that several commands have, in the same words.
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
REVIEWER = click.option("--reviewer", help="Who decides; whose key signs, or in dev your login, if left out.")
NOTE = click.option("--note", default="", help="Why; kept with the decision.")


class Broken(click.ClickException):
    """We are broken: one sentence on standard error, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """The sentence, and nothing around it."""
        click.echo(self.message, file=file, err=file is None)


class Refused(Broken):
    """What was asked for is not done, and everything is as it was: exit code 3."""

    exit_code = 3


class Decided(Broken):
    """Somebody else was first, and it is said who, what and when: exit code 4."""

    exit_code = 4


# What is refused leaves everything as it was.
REFUSALS = (
    ReviewRefused,
    SigningRefused,
    PublicationRefused,
    RestoreRefused,
    ReconciliationRefused,
    CalibrationRefused,
)


class Plain(click.Group):
    """Commands whose errors, where they are ours, end in a sentence and never in a stack of frames."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command, which are text: a terminal may send any bytes, and no store keeps them."""
        for word in args:
            try:
                word.encode()
            except UnicodeEncodeError as error:
                raise click.UsageError(f"{word.encode(errors='replace').decode()!r} is not UTF-8 text", ctx) from error
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What a sentence quotes (a note, a file's name, a value) moves no cursor."""
        try:
            return super().invoke(ctx)
        except DecidedAlready as error:
            raise Decided(f"decided already: {visible(str(error))}") from error
        except REFUSALS as error:
            raise Refused(f"refused: {visible(str(error))}") from error
        except OrdersMonitorError as error:
            raise Broken(visible(str(error))) from error


def table_of(context: click.Context) -> MonitoredTable:
    """The one table that the command is about. Raises UsageError where the options do not name one."""
    _, wanted = context.find_root().obj
    tables = tables_of(context)
    found = [table for table in tables if wanted in (None, table.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(table.name for table in tables) or "none"
    raise click.UsageError(f"no table {wanted!r}; there are: {names}" if wanted else f"say --table, one of: {names}")


def tables_meant(context: click.Context) -> list[MonitoredTable]:
    """The table that `--table` names; without it every declared one. Raises UsageError, DeclarationInvalid."""
    _, wanted = context.find_root().obj
    return [table_of(context)] if wanted else tables_of(context)


def tables_of(context: click.Context) -> list[MonitoredTable]:
    """Every declared table, or the one of `--declaration`. Raises DeclarationInvalid."""
    declaration, _ = context.find_root().obj
    paths = [declaration] if declaration else sorted(DECLARATIONS.glob("*/defs.yaml"))
    return [read_declaration(path) for path in paths]


def table_with(context: click.Context, partition: str) -> MonitoredTable:
    """The table that the command is about, which has that partition. Raises UsageError, ReviewRefused."""
    table = table_of(context)
    chosen(table, last=None, named=(partition,), every=False)
    return table


def chosen(table: MonitoredTable, *, last: int | None, named: tuple[str, ...], every: bool) -> list[str]:
    """The partitions that a command is about, oldest first. A command lives by the clock; no stage does."""
    known = keys.complete_partitions(table, now())
    if named:
        unknown = [p for p in named if p not in known]
        if unknown:
            span = f"{known[0]} to {known[-1]}" if known else "none yet"
            raise ReviewRefused(table=table.name, partition=unknown[0], why=f"no such partition; there are {span}")
        return sorted(set(named))
    if every:
        return known
    if last is None:
        raise click.UsageError("say which partitions: --last N, --partition DAY or --all")
    return known[-last:]


def typed(context: click.Context, *words: str) -> str:
    """A command of ours as it is typed, on the table that this one was about."""
    declaration, table_name = context.find_root().obj
    options = [
        *(["--declaration", str(declaration)] if declaration else []),
        *(["--table", table_name] if table_name else []),
    ]
    return shlex.join(["orders-monitor", *options, *words])


def now() -> datetime:
    """The clock of a command, in UTC; no stage has one."""
    return datetime.now(UTC)
