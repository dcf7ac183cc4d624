"""signing in: who decides through which door, and what proves it.

At the command line a person's own key signs; in the Launchpad a signature that `review sign` printed is pasted; on the
review page an authenticating proxy names the person, and the page's own key vouches for it. A bare name is enough in
the development environment only. What these prove is compared with the reviewers file when the decision is recorded,
and again whenever it is read (`pipeline.trust`).
"""

import getpass
from pathlib import Path

from orders_monitor.adapters import signing
from orders_monitor.adapters.reviewers import load_reviewers
from orders_monitor.core.errors import SigningRefused
from orders_monitor.core.people import PROXY
from orders_monitor.pipeline.deciding import Identity
from orders_monitor.settings import Settings


def identity_of(settings: Settings, name: str | None, *, source: str) -> Identity:
    """Who types a command, signing with the key that the settings name.

    Without a name it is whose key that is; without a key too, in `dev`, the login. Raises SigningRefused.
    """
    if settings.key_file is None:
        return unproved(settings, getpass.getuser() if name is None else name, source=source)
    private = signing.read_key(settings.key_file)
    return Identity(
        _owner(settings, private) if name is None else name, source, lambda text: signing.sign(private, text)
    )


def signed_already(settings: Settings, name: str, signature: str, *, source: str) -> Identity:
    """Who decides with a signature that was made elsewhere, by `review sign`. Raises SigningRefused."""
    signature = signature.strip()
    return Identity(name, source, lambda _: signature) if signature else unproved(settings, name, source=source)


def proxied(settings: Settings, name: str) -> Identity:
    """Whom the authenticating proxy names, as the page's own key vouches. Raises SigningRefused."""
    if settings.proxy_header is None:
        raise SigningRefused(why="no proxy says who somebody is: set ORDERS_MONITOR_PROXY_HEADER")
    if settings.page_key_file is None:
        return unproved(settings, name, source=PROXY, variable="ORDERS_MONITOR_PAGE_KEY_FILE")
    private = signing.read_key(settings.page_key_file)
    return Identity(name, PROXY, lambda text: signing.sign(private, text))


def unproved(settings: Settings, name: str, *, source: str, variable: str = "ORDERS_MONITOR_KEY_FILE") -> Identity:
    """A bare name. Raises SigningRefused outside the development environment, naming the variable that is not set."""
    if settings.environment != "dev":
        why = f"the bare name {name!r} decides nothing in {settings.environment}: it needs a key, set {variable}"
        raise SigningRefused(why=why)
    return Identity(name, source)


def _owner(settings: Settings, private: str) -> str:
    """The reviewer whose key this is."""
    public, path = signing.public_key(private), settings.reviewers
    found = next((reviewer.name for reviewer in load_reviewers(path).reviewers if reviewer.key == public), None)
    if found is None:
        raise SigningRefused(why=f"the key in {_shown(settings.key_file)} is none of {path.name}: say --reviewer")
    return found


def _shown(path: Path | None) -> str:
    return "" if path is None else path.name
