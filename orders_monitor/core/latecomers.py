"""What somebody is told who names another digest than the one that waits, or who comes second."""

from orders_monitor.core.errors import DecidedAlready
from orders_monitor.core.review import Decision, Gate

DIGEST_CHARACTERS_MIN = 12


def why_another(found: Gate, digest: str) -> str | None:
    """Why a digest, named by its beginning, is not the one that the gate was asked about; None where it is."""
    if len(digest) < DIGEST_CHARACTERS_MIN:
        return f"name at least the first {DIGEST_CHARACTERS_MIN} characters of the digest, {len(digest)} are too few"
    if found.digest is None or not found.digest.startswith(digest):
        return f"{digest[:12]} is not what waits; it is {str(found.digest)[:12]} now, look at it again"
    return None


def decided_already(first: Decision, why: str) -> DecidedAlready:
    """What somebody who comes later is told: who decided what, and when."""
    return DecidedAlready(
        table=first.table,
        partition=first.partition,
        why=why,
        reviewer=first.reviewer,
        verdict=first.verdict,
        recorded_at=first.recorded_at,
    )
