"""A suite asked of the rows of a view: Great Expectations' own classes from the metrics to the results.

Its context, sources, assets and batches are left out, since every one is made, saved and validated again for each
question. What it works out from the declaration alone (which metrics an expectation needs, and what these need) is kept
for the next question of the same kind in this process; no value of the data is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.validator.exception_info import ExceptionInfo
from great_expectations.validator.validation_graph import ValidationGraph

from orders_monitor.adapters.expectations.ahead import ReadAhead
from orders_monitor.adapters.expectations.engine import DuckDBExecutionEngine
from orders_monitor.adapters.expectations.library import with_room
from orders_monitor.adapters.expectations.suite import POSITION, build
from orders_monitor.core.expectation import Expectation

_QUESTIONS_KEPT = 64

# What an expectation, ours or somebody's own, raises on values that it did not expect.
_RAISED = (GreatExpectationsError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError)


@with_room
def answers(
    connection: ReadAhead, *, view: str, expectations: Sequence[Expectation], unexpected_rows_max: int
) -> dict[int, ExpectationValidationResult]:
    """Great Expectations' results by the place of the expectation in the declaration.

    Of each failed one at most so many unexpected values are in it. Raises ValueError for a declaration that cannot be
    asked.
    """
    told: dict[int, ExpectationValidationResult] = {}
    for question in _questions(_Declared(tuple(expectations)), unexpected_rows_max):
        engine = DuckDBExecutionEngine(connection, view=view)
        try:
            told |= _answers(question, engine)
        finally:
            engine.let_go()
    return told


@dataclass(frozen=True)
class _Asked:
    """One of their expectations, and the metrics that it needs, by name."""

    expectation: Any
    needs: Any
    why_not: ExceptionInfo | None


@dataclass(frozen=True)
class _Question:
    """What can be asked of any view at once: expectations, and the metrics and what each needs."""

    asked: tuple[_Asked, ...]
    edges: tuple[Any, ...]
    how: Mapping[str, Any]


class _Declared:
    """A declaration as the key of what is known about it: expectations hold lists, which have no hash."""

    def __init__(self, expectations: tuple[Expectation, ...]) -> None:
        self.expectations = expectations
        self._said = repr(expectations)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Declared) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)


@lru_cache(maxsize=_QUESTIONS_KEPT)
def _questions(declared: _Declared, unexpected_rows_max: int) -> tuple[_Question, ...]:
    how = {
        "result_format": {
            "result_format": "SUMMARY",
            "partial_unexpected_count": unexpected_rows_max,
            # A statement with values of the data in it, and one that a `?` in a column's name breaks.
            "return_unexpected_index_query": False,
        },
        "catch_exceptions": True,
    }
    return tuple(_question(suite.expectations, how) for suite in build(declared.expectations))


def _question(theirs: Sequence[Any], how: Mapping[str, Any]) -> _Question:
    # Only the kind of engine matters for what a metric needs.
    engine = DuckDBExecutionEngine(None, view="nothing")
    graph = _Graph(execution_engine=engine)
    asked = tuple(_asked(expectation, graph, engine, how) for expectation in theirs)
    engine.let_go()
    return _Question(asked, tuple(graph.edges), how)


def _asked(expectation: Any, graph: "_Graph", engine: DuckDBExecutionEngine, how: Mapping[str, Any]) -> _Asked:
    needs = None
    try:
        needs = expectation.get_validation_dependencies(execution_engine=engine, runtime_configuration=dict(how))
        for metric in needs.get_metric_configurations():
            graph.build_metric_dependency_graph(metric_configuration=metric, runtime_configuration=dict(how))
    except _RAISED as error:
        return _Asked(expectation, needs, _info(error))
    return _Asked(expectation, needs, None)


class _Graph(ValidationGraph):
    """Great Expectations' graph of metrics, in which what a metric needs is looked up once and not for each use."""

    def __init__(self, execution_engine: DuckDBExecutionEngine) -> None:
        super().__init__(execution_engine=execution_engine)
        self._built: dict[Any, Any] = {}

    def build_metric_dependency_graph(self, metric_configuration: Any, runtime_configuration: Any = None) -> None:
        """Add the metric and all that it needs."""
        built = self._built.setdefault(metric_configuration.id, metric_configuration)
        if built is not metric_configuration:
            metric_configuration.metric_dependencies = built.metric_dependencies
            return
        super().build_metric_dependency_graph(metric_configuration, runtime_configuration)


def _answers(question: _Question, engine: DuckDBExecutionEngine) -> dict[int, ExpectationValidationResult]:
    graph = ValidationGraph(execution_engine=engine, edges=list(question.edges))
    values, aborted = graph.resolve(runtime_configuration=dict(question.how), show_progress_bars=False)
    return {
        asked.expectation.meta[POSITION]: _answer(asked, values, aborted, question.how, engine)
        for asked in question.asked
    }


def _answer(
    asked: _Asked,
    values: Mapping[Any, Any],
    aborted: Mapping[Any, Any],
    how: Mapping[str, Any],
    engine: DuckDBExecutionEngine,
) -> ExpectationValidationResult:
    if asked.why_not is not None:
        return _unanswered(asked.expectation, asked.why_not)
    failed = {str(metric.id): aborted[metric.id]["exception_info"] for metric in _all(asked) if metric.id in aborted}
    if failed:
        return _unanswered(asked.expectation, failed)
    try:
        named = {name: values[metric.id] for name, metric in asked.needs.metric_configurations.items()}
        # The part of `metrics_validate` that is left when the needs are known: it would work them out again.
        raw = asked.expectation._validate(  # noqa: SLF001 - what Great Expectations has everybody implement
            metrics=named,
            runtime_configuration={**how, "result_format": asked.needs.result_format},
            execution_engine=engine,
        )
        built: ExpectationValidationResult = asked.expectation._build_evr(raw)  # noqa: SLF001 - no other way to theirs
    except _RAISED as error:
        return _unanswered(asked.expectation, _info(error))
    return built


def _all(asked: _Asked) -> Iterator[Any]:
    """The metrics that an expectation needs, and those that these need, each once."""
    seen = set()
    ahead = list(asked.needs.get_metric_configurations())
    while ahead:
        metric = ahead.pop()
        if metric.id not in seen:
            seen.add(metric.id)
            ahead += metric.metric_dependencies.values()
            yield metric


def _unanswered(expectation: Any, why: Any) -> ExpectationValidationResult:
    return ExpectationValidationResult(success=False, exception_info=why, expectation_config=expectation.configuration)


def _info(error: Exception) -> ExceptionInfo:
    return ExceptionInfo(exception_traceback="", exception_message=f"{type(error).__name__}: {error}")
