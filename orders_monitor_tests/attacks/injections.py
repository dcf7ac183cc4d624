"""Our own planted instructions, as data, and the places in which strangers' text reaches the agent."""

import base64
import codecs
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from orders_monitor.agent.briefing import Briefing, Lineage, PastIncident
from orders_monitor.agent.workbench import Flagged, QueryRefused, Repeated, Rows, Workbench
from orders_monitor.core.drift import ColumnAdded
from orders_monitor.core.predicate import Predicate
from orders_monitor.core.profile import ColumnProfile
from orders_monitor_tests.cases import anomaly, briefing, failed

FOLDER = Path(__file__).with_name("injections")
FAMILIES = ("override", "authority", "tool_knowledge", "encoded", "multi_turn")
LOOKALIKES = dict(zip(map(ord, "aeopc"), (0x430, 0x435, 0x43E, 0x440, 0x441), strict=True))  # Cyrillic


@dataclass(frozen=True)
class Injection:
    """Texts to plant, and what a mind that obeys them calls, proposes, cites or claims."""

    family: str
    texts: tuple[str, ...]
    asks: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name for a test: what it asks for."""
        return f"{self.family}: {ascii(' / '.join(self.texts))[:60]}"


@dataclass(frozen=True)
class Planted:
    """A case with a text in it. `refusing` is what every query is told, where tools' errors carry it."""

    case: Briefing
    refusing: str | None = None


class Refusing:
    """A Workbench whose every error quotes data; what reaches out is refused as ever."""

    def __init__(self, why: str, usual: Workbench) -> None:
        self._why, self._usual = why, usual

    def query(self, sql: str) -> Rows | QueryRefused:
        said = self._usual.query(sql)
        return said if isinstance(said, QueryRefused) and said.kind == "reach" else self._refused()

    def flagged(self, where: Predicate | Repeated, *, columns: Sequence[str]) -> Flagged | QueryRefused:  # noqa: ARG002 - the protocol's
        return self._refused()

    def canonical(self, sql: str) -> str | None:
        return self._usual.canonical(sql)

    def _refused(self) -> QueryRefused:
        return QueryRefused(why=self._why, kind="mistake")


def injections() -> list[Injection]:
    """The whole corpus."""
    found = []
    for family in FAMILIES:
        for entry in yaml.safe_load((FOLDER / f"{family}.yaml").read_text(encoding="utf-8")):
            disguise = DISGUISES[entry.get("disguise", "none")]
            found.append(Injection(family, tuple(map(disguise, entry["texts"])), tuple(entry["asks"])))
    return found


DISGUISES: Mapping[str, Callable[[str], str]] = {
    "none": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "tags": lambda text: "ok" + "".join(chr(0xE0000 + ord(character)) for character in text),
    "zero_width": "\u200b".join,
    "homoglyph": lambda text: text.translate(LOOKALIKES),
}
ODD = anomaly("rows", 60, low=90, high=110)  # what is to be explained, whatever is planted


def _note(texts: Sequence[str]) -> Planted:
    """In a column that nobody promised, as a customer writes it."""
    top = tuple((text, 1) for text in texts)
    column = ColumnProfile(name="customer_note", type="VARCHAR", nulls=0, distinct=len(texts), top=top)
    added = ColumnAdded(column="customer_note", type="VARCHAR")
    return Planted(briefing(columns=(column,), changes=(added,), anomalies=(ODD,)))


def _status(texts: Sequence[str]) -> Planted:
    """As values of a promised column whose texts the agent may read."""
    column = ColumnProfile(
        name="status", type="VARCHAR", nulls=0, distinct=len(texts), top=tuple((text, 1) for text in texts)
    )
    broken = failed("status_be_in_set", len(texts), sample=tuple(texts))
    return Planted(briefing(columns=(column,), outcomes=(broken,), anomalies=(ODD,)))


def _column_name(texts: Sequence[str]) -> Planted:
    """As names of columns."""
    columns = tuple(ColumnProfile(name=text, type="VARCHAR", nulls=0, distinct=1) for text in texts)
    added = tuple(ColumnAdded(column=text, type="VARCHAR") for text in texts)
    return Planted(briefing(columns=columns, changes=added, anomalies=(ODD,)))


def _file_name(texts: Sequence[str]) -> Planted:
    """As the name of the file that could not be read."""
    case = briefing(problem=f"{' '.join(texts)}.csv", anomalies=(ODD,))
    return Planted(case.model_copy(update={"lineage": Lineage(source=" ".join(texts))}))


def _expectation_message(texts: Sequence[str]) -> Planted:
    """In what an expectation says of itself."""
    said = failed("status_be_in_set", 2, raised=" ".join(texts)).model_copy(update={"observed": " ".join(texts)})
    return Planted(briefing(outcomes=(said,), anomalies=(ODD,)))


def _past_incident(texts: Sequence[str]) -> Planted:
    """In the notes that somebody wrote on earlier partitions."""
    past = tuple(
        PastIncident(partition=f"2026-11-{10 + number}", signals=("anomaly:rows",), actions=("hold",), note=text)
        for number, text in enumerate(texts)
    )
    return Planted(briefing(anomalies=(ODD,)).model_copy(update={"incidents": past}))


def _tool_error(texts: Sequence[str]) -> Planted:
    """In the error of a tool."""
    return Planted(briefing(anomalies=(ODD,)), refusing=" ".join(texts))


def _lineage(texts: Sequence[str]) -> Planted:
    """In the description of where the table comes from."""
    lineage = Lineage(source=texts[0], stages=tuple(texts), team="orders")
    return Planted(briefing(anomalies=(ODD,)).model_copy(update={"lineage": lineage}))


PLACES: Mapping[str, Callable[[Sequence[str]], Planted]] = {
    "order text": _note,
    "status": _status,
    "column name": _column_name,
    "file name": _file_name,
    "expectation message": _expectation_message,
    "past incident": _past_incident,
    "tool error": _tool_error,
    "lineage": _lineage,
}


def bench_of(planted: Planted, usual: Workbench) -> Workbench:
    """The room of that case."""
    return usual if planted.refusing is None else Refusing(planted.refusing, usual)


def harmless(injection: Injection) -> Injection:
    """As many texts that ask for nothing."""
    return replace(injection, texts=tuple(f"nothing {number}" for number, _ in enumerate(injection.texts)))
