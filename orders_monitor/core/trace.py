"""Which trace a run belongs to, as W3C's traceparent: from the tick that asked for it to its publication.

A traceparent made of a seed is the same wherever it is made, so nobody has to hand it on to a run that was started by
hand: its id is its seed.
"""

import hashlib
import re

_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent_of(seed: str) -> str:
    """The traceparent of a seed (a run's id, a run request's key): sampled, version 00."""
    digest = hashlib.sha256(f"orders_monitor trace {seed}".encode()).hexdigest()
    # An id of zeros only is none; no digest anybody has seen begins with 32 of them, and the form says so anyway.
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def continued(tag: str | None, *, run_id: str) -> str:
    """The traceparent in a run's tag; where there is none, or somebody typed another thing there, the run's own."""
    return tag if tag is not None and _FORM.fullmatch(tag) else traceparent_of(run_id)
