"""replay: a run's plan made again from its record, with no model and no network, and compared with the recorded one.

The journal is read as it was then. The model's turns come from the tape; the tools run again on the same landed bytes,
the evidence is derived again, and the plan is built by the same code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orders_monitor.adapters.journal.events import Event
from orders_monitor.adapters.releases import load_release
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.replay import ReplayModel
from orders_monitor.core.errors import ReplayDiverged, ReviewRefused, StageMissing
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.record import EVENT, PREFIX, AgentEvent, Alerted, Asked, Ended, ToolAnswered, ToolDenied
from orders_monitor.pipeline import casefile
from orders_monitor.pipeline.plan import draw
from orders_monitor.pipeline.resources import Desk

_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A plan that came out the same again. `steps` counts the requests that were on the tape."""

    run_id: str
    digest: str
    steps: int


class Tape:
    """Takes down a replayed conversation and compares it with the recorded one, event by event."""

    def __init__(self, recorded: Sequence[AgentEvent]) -> None:
        self._recorded, self._next = [event for event in recorded if isinstance(event, _COMPARED)], 0

    def add(self, event: AgentEvent) -> None:
        """Compare the next event. Raises ReplayDiverged at the first that is another one."""
        if not isinstance(event, _COMPARED):
            return
        recorded = self._recorded[self._next] if self._next < len(self._recorded) else None
        self._next += 1
        what = _difference(recorded, event)
        if what is not None:
            raise ReplayDiverged(step=event.step, what=what[:_CHARACTERS_MAX])

    def flush(self) -> None:
        """Nothing is kept."""


def replay(desk: Desk, run_id: str) -> Replayed:
    """Make the run's plan again. Raises ReplayDiverged where it is another one, StageMissing where it recorded none.

    Raises ReviewRefused where the plan is a person's.
    """
    events = desk.journal.events_of_run(run_id)
    planned = next((event for event in reversed(events) if event.kind == "plan"), None)
    if planned is None:
        raise StageMissing(table=desk.table.name, partition=events[0].partition, stage="plan")
    recorded = Plan.model_validate(planned.body)
    if recorded.origin == "reviewer":
        why = f"{recorded.author} asked for this plan, and no agent: there is nothing to replay"
        raise ReviewRefused(table=recorded.table, partition=recorded.partition, why=why)
    then = _at(desk, planned.id, run_id)
    landing = then.read(recorded.partition, "landed", Landing)
    quality = then.read(recorded.partition, "quality", Quality)
    found = then.read(recorded.partition, "investigation", Investigation)
    talked = _conversation_of(desk, recorded.partition, found, before=planned)
    steps = sum(isinstance(event, Asked) for _, event in talked)
    if talked:
        found = _converse(_at(desk, talked[0][0].id - 1, run_id), recorded.partition, quality, found, talked=talked)
    plan = draw(then, landing, quality, found).plan
    if plan.digest != recorded.digest:
        raise ReplayDiverged(step=steps, what=_changed(recorded, plan))
    return Replayed(run_id=run_id, digest=plan.digest, steps=steps)


def _at(desk: Desk, event_id: int, run_id: str) -> Desk:
    """The desk as it was at an event."""
    return replace(desk, journal=desk.journal.as_of(event_id), run_id=run_id)


def _conversation_of(
    desk: Desk, partition: str, found: Investigation, *, before: Event
) -> list[tuple[Event, AgentEvent]]:
    """The events of the conversation that led to the investigation: it may be of an earlier run than the plan's."""
    recorded = desk.journal.as_of(before.id).latest(desk.table.name, partition, "investigation")
    if recorded is None or found.ending == "not_called":
        return []
    events = [event for event in desk.journal.events_of_run(recorded.run_id) if event.id < recorded.id]
    said = [
        (event, EVENT.validate_python(event.body))
        for event in events
        if event.kind.startswith(PREFIX) and event.kind not in ("agent_evidence", "agent_claim_dropped")
    ]
    # Executed again after a crash, a step talks again: the last conversation is the one that ended.
    starts = [n for n, (_, event) in enumerate(said) if isinstance(event, Asked) and event.step == 1]
    return said[starts[-1] :] if starts else []


def _converse(
    desk: Desk,
    partition: str,
    quality: Quality,
    found: Investigation,
    *,
    talked: Sequence[tuple[Event, AgentEvent]],
) -> Investigation:
    """The same conversation with the tape in the model's place."""
    release = load_release(desk.settings.prompts, desk.table.agent)
    if release.label != found.release:
        raise ReplayDiverged(step=1, what=f"it was asked under {found.release}, and {release.label} is what there is")
    events = [event for _, event in talked]
    model = ReplayModel(events, name=found.model, spend=found.spend)
    landing = desk.read(partition, "landed", Landing)
    with casefile.room_of(desk, landing, release) as workbench:
        again = investigate(
            casefile.brief(desk, partition, quality),
            model=model,
            release=release,
            workbench=workbench,
            recorder=Tape(events),
        )
    model.require_played_out()
    return again


def _difference(recorded: AgentEvent | None, event: AgentEvent) -> str | None:
    """What an event says that the recorded one does not; None where they say the same."""
    match recorded, event:
        case None, _:
            return f"now there is {_named(event)}, and then there was nothing more"
        case Asked(), Asked():
            return None  # the tape compares the digests itself, and says more
        case ToolAnswered(call=was, digest=then), ToolAnswered(call=call, digest=now) if was == call:
            return None if then == now else f"{call} answers something else than then"
        case _ if recorded != event:
            return f"now there is {_named(event)}, and then there was {_named(recorded)}"
    return None


def _named(event: AgentEvent) -> str:
    match event:
        case ToolAnswered(call=call):
            return f"an answer to {call}"
        case ToolDenied(call=call, why=why):
            return f"a refusal of {call} ({why})"
        case Alerted(mode=mode, why=why):
            return f"an alert {mode} ({why})"
        case Ended(ending=ending, why=why):
            return f"the ending {ending} ({why})"
    return f"a {event.kind}"


_COMPARED = (Asked, ToolAnswered, ToolDenied, Alerted, Ended)


def _changed(recorded: Plan, plan: Plan) -> str:
    """Which part of the plan is another one."""
    names = [name for name in Plan.model_fields if getattr(recorded, name) != getattr(plan, name)]
    which = ", ".join(names) or "nothing that is named"
    return f"the plan is {plan.digest[:12]} and was {recorded.digest[:12]}: it differs in {which}"
