"""What a case is about, in words by which a declaration says whose it is.

Kinds of signals (`drift`), kinds of drift (`renamed`) and the failure modes that a detector sees (`tool_storm`): a mode
that no case ever has would be an assignment that never holds.
"""

from typing import get_args

from orders_monitor.core.drift import Change
from orders_monitor.core.failure_modes import AGENTIC
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.quality import Quality, Signal

SIGNAL_KINDS: tuple[str, ...] = get_args(Signal.model_fields["kind"].annotation)
DRIFT_KINDS: tuple[str, ...] = tuple(kind.model_fields["kind"].default for kind in get_args(get_args(Change)[0]))
MODES = frozenset({*SIGNAL_KINDS, *DRIFT_KINDS, *(mode.name for mode in AGENTIC)})


def modes_of(quality: Quality | None, investigation: Investigation | None) -> tuple[str, ...]:
    """The modes of a case, each once; what is only information says nothing about whose it is."""
    signals = [s for s in (quality.signals if quality else ()) if s.severity != "info"]
    kinds = [kind for s in signals for kind in (s.kind, *(s.id.split(":")[1:2] if s.kind == "drift" else ()))]
    alerts = [alert.mode for alert in (investigation.alerts if investigation else ())]
    return tuple(dict.fromkeys((*kinds, *alerts)))
