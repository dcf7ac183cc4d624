"""The minutes of one conversation: what happens is written down, and the detectors are asked about each moment."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from orders_monitor.agent.detectors import Detector, Mode
from orders_monitor.agent.moments import Moment, Refuse, Remark, Trip, Verdict, Warn
from orders_monitor.agent.record import Recorder
from orders_monitor.core.investigation import Alert, Ending, Finding
from orders_monitor.core.plan import Action
from orders_monitor.core.record import AgentEvent, Alerted, Ended

_GRAVEST_FIRST = (Trip, Warn, Refuse, Remark)


@dataclass(frozen=True, slots=True)
class End:
    """How a conversation ends, and what it leaves."""

    ending: Ending
    why: str
    findings: tuple[Finding, ...] = ()
    proposed: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The gravest verdict on a moment, and the failure mode that it is about."""

    mode: Mode
    verdict: Verdict


class Minutes:
    """Keeps the record of one conversation. `step` is the one that is going on."""

    def __init__(self, recorder: Recorder, detectors: Sequence[Detector]) -> None:
        self._recorder, self._detectors = recorder, detectors
        self.step = 0
        self.alerts: tuple[Alert, ...] = ()

    def note(self, event: AgentEvent) -> None:
        """Write an event down; it is durable before the next request is sent, or after the next flush."""
        self._recorder.add(event)

    def flush(self) -> None:
        """Make it durable. Raises StoreUnavailable."""
        self._recorder.flush()

    def judge(self, moment: Moment) -> Judged | None:
        """What the detectors say. Each of them sees every moment."""
        judged = [(detector.mode, detector.see(moment)) for detector in self._detectors]
        said = [Judged(mode, verdict) for mode, verdict in judged if verdict is not None]
        return min(said, key=lambda each: _GRAVEST_FIRST.index(type(each.verdict)), default=None)

    def alert(self, judged: Judged | None) -> End | None:
        """Write down an alert if there is one. The end, if the conversation may not go on."""
        if judged is None or not isinstance(judged.verdict, Trip | Warn):
            return None
        why = judged.verdict.why
        self.alerts = (*self.alerts, Alert(mode=judged.mode, why=why))
        self.note(Alerted(step=self.step, mode=judged.mode, why=why))
        return End(judged.mode, why) if isinstance(judged.verdict, Trip) else None

    def end(self, end: End) -> None:
        """Write down how it ended, and flush. Raises StoreUnavailable."""
        self.note(Ended(step=self.step, ending=end.ending, why=end.why))
        self.flush()


def digest_of_text(text: str) -> str:
    """SHA-256 of a text as it came; also of one that is no valid Unicode."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
