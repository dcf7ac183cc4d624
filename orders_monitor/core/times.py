"""Times as records and people have them. All are UTC: who needs a day of a table's own asks its time zone."""

from datetime import UTC, datetime


def parsed(text: str) -> datetime:
    """The time of an ISO text."""
    return datetime.fromisoformat(text)


def recorded(at: datetime) -> str:
    """The ISO text of a record: always as long, so that texts compare as times do."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return int(at.timestamp() * 1_000)


def said(at_ms: int) -> str:
    """The time of milliseconds since 1970, for people."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(sep=" ", timespec="seconds")
