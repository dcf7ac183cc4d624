"""The reviewers file: YAML that is reviewed like code, read strictly, and written by `orders-monitor reviewer add`."""

from pathlib import Path

from orders_monitor.adapters.strict_yaml import read_text, read_yaml
from orders_monitor.core.people import Reviewers


def load_reviewers(path: Path) -> Reviewers:
    """The reviewers of a file; nobody where there is none. Raises ReleaseInvalid, naming file, line and field."""
    return read_yaml(read_text(path), path).checked(Reviewers) if path.exists() else Reviewers()
