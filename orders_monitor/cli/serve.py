"""`orders-monitor review serve`: the review page on this machine."""

import click

from orders_monitor.cli.shared import Broken, tables_of
from orders_monitor.settings import read_settings

PORT = 3001


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="Port; 0 takes any free one."
)
@click.pass_context
def serve_command(context: click.Context, host: str, port: int) -> None:
    """Serve the review page until ctrl-c.

    What waits, why, and the buttons. Whoever reaches the port is believed: in dev any name that is typed, elsewhere
    what ORDERS_MONITOR_PROXY_HEADER says. So let nobody but you or the authenticating proxy reach it. Links in
    messages begin with ORDERS_MONITOR_REVIEW_URL; other host names than its own and this machine's are not answered.
    """
    from orders_monitor.page.server import listening, serve  # noqa: PLC0415 - heavy, and only this command needs it

    settings, tables = read_settings(), tables_of(context)
    try:
        listens = listening(host, port)
    except OSError as error:
        raise Broken(f"{host} port {port} cannot be served: {(error.strerror or 'it is taken').lower()}") from error
    with listens:
        shown, at = f"[{host}]" if ":" in host else host, listens.getsockname()[1]
        click.echo(f"review page: http://{shown}:{at} (ctrl-c stops it)")
        serve(tables, settings, listens)
