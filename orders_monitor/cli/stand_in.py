"""`orders-monitor stand-in`: the model's stand-in behind a socket on this machine."""

import click

from orders_monitor.adapters.stand_in.modes import MODES, VARIANTS, mode_of
from orders_monitor.adapters.stand_in.server import StandInServer
from orders_monitor.adapters.stand_in.service import Service
from orders_monitor.cli.shared import Broken

PORT = 8765


@click.group("stand-in")
def stand_in() -> None:
    """Serve the stand-in on this machine, or list its modes."""


@stand_in.command("modes")
def modes_command() -> None:
    """List the ways in which the stand-in can behave."""
    width = max(len(name) for name in MODES)
    for mode in MODES.values():
        click.echo(f"{mode.name:<{width}}  {mode.sentence}")
        if mode.name in VARIANTS:
            click.echo(f"{'':<{width}}  variants: {', '.join(VARIANTS[mode.name])}")


@stand_in.command("serve")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="Port; 0 takes any free one."
)
@click.option("--mode", type=click.Choice(list(MODES)), default="honest", show_default=True, help="How it behaves.")
@click.option("--variant", help="Another way to go wrong in the same manner; `stand-in modes` lists them.")
def serve_command(port: int, mode: str, variant: str | None) -> None:
    """Answer the Messages API on this machine.

    At 127.0.0.1 until ctrl-c, from the stand-in: no model, no network, no cost.
    """
    known = VARIANTS.get(mode, {})
    if variant is not None and variant not in known:
        raise click.UsageError(f"{mode} has no variant {variant!r}; there are: {', '.join(known) or 'none'}")
    try:
        server = StandInServer(Service(mode, variant=variant), port=port)
    except OSError as error:
        raise Broken(f"port {port} cannot be served: {(error.strerror or 'it is taken').lower()}") from error
    with server:
        click.echo(f"the stand-in, not a model, answers at {server.url}: {mode_of(mode).sentence}")
        click.echo(f"to ask it: ORDERS_MONITOR_MODEL=stand-in ORDERS_MONITOR_MODEL_URL={server.url}")
        click.echo("ctrl-c stops it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")
