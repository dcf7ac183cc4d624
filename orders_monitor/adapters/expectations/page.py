"""Great Expectations' own page of validation results, of one partition: masked before it is rendered, and inert.

The values are replaced by masked ones in a copy of the results, so that no template meets a value of the data. Great
Expectations' templates escape some texts and not others, and put them into a small template language on the way.
Therefore every text goes through them with its special characters replaced by private ones, which become HTML's
entities at the end. Nothing on the page is fetched or run: a browser shows it without a network, and is told so.

Imported only inside functions: the classes derive from Great Expectations', whose import takes seconds.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, DictLoader

from orders_monitor.adapters.expectations.masking import is_number, number, plain, told
from orders_monitor.adapters.expectations.outcome import columns_of, shown_columns, told_row
from orders_monitor.core.expectation import Expectation, Outcome

_TEXT_CHARACTERS_MAX = 200
_LISTED_MAX = 50

# What is counted; everything else in a result may hold values of the data.
_COUNTS = re.compile(r"^(element|missing|unexpected)_(count|percent(_total|_nonmissing)?)$")

# What has a meaning in HTML, in its attributes or in a template. The private characters are not printable, so that
# none of the data's own is left when a text is read.
_SPECIAL = "<>&\"'`$%{}\\"
_HIDDEN = {ord(character): chr(0xE000 + n) for n, character in enumerate(_SPECIAL)}
_ENTITIES = {0xE000 + n: f"&#{ord(character)};" for n, character in enumerate(_SPECIAL)}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>{{ headline }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h5 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; } h6 { margin: .5rem 0 .2rem; }
table { border-collapse: collapse; width: 100%; } table table { width: auto; margin: .4rem 0; }
th, td { border: 1px solid #8886; padding: .25rem .6rem; text-align: left; vertical-align: top; }
.badge { background: #8883; border-radius: .3rem; padding: 0 .3rem; } code { white-space: pre-wrap; }
.text-danger { color: #c62828; } .text-success { color: #2e7d32; } .text-warning { color: #b26a00; }
.fa-check-circle::before { content: "passed"; } .fa-times::before { content: "failed"; }
.fa-exclamation-triangle::before { content: "not asked"; } i.fas { font-style: normal; font-weight: 600; }
</style>
</head>
<body>
<h1>{{ headline }}</h1>
<p>{{ about }}</p>
<nav>
{% for section in sections %}<a href="#section-{{ loop.index }}">{{ section["section_name"] }}</a> {% endfor %}
</nav>
{% for section in sections %}{% set section_loop = loop -%}{% include 'section.j2' %}{% endfor %}
</body>
</html>
"""


def page(
    expectations: Sequence[Expectation],
    answers: Mapping[int, Any],
    outcomes: Sequence[Outcome],
    *,
    types: Mapping[str, str],
    personal: frozenset[str],
    values: bool,
    headline: str,
) -> str:
    """The page as HTML. `answers` are Great Expectations' results by the place of the expectation in the declaration.

    Equal arguments give equal bytes. Of the columns named in `personal` no value is on it unmasked, and without
    `values` none is on it at all.
    """
    shown = shown_columns(types, personal)
    results = [
        _masked(expectation, answers[position], outcome, shown=shown, personal=personal, values=values)
        for position, (expectation, outcome) in enumerate(zip(expectations, outcomes, strict=True))
    ]
    passed = sum(outcome.passed for outcome in outcomes)
    renderer: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    document = renderer.render(_together(results, passed=passed))
    # Its first section is a headline with a link to a page that there is not; its last is about the run.
    document.sections[0].content_blocks.pop(0)
    document.sections.pop()
    rows = max((outcome.rows for outcome in outcomes), default=0)
    about = f"{passed:,} of {len(outcomes):,} expectations hold on {rows:,} rows. Values are masked."
    html = _view().render(document, headline=_inert(headline), about=about)
    return re.sub(r"\s*\n\s*", "\n", html).translate(_ENTITIES)


def _together(results: list[Any], *, passed: int) -> Any:
    statistics = {
        "evaluated_expectations": len(results),
        "successful_expectations": passed,
        "unsuccessful_expectations": len(results) - passed,
        "success_percent": 100 * passed / max(1, len(results)),
    }
    return ExpectationSuiteValidationResult(
        success=passed == len(results), results=results, suite_name="declared", statistics=statistics, meta={}
    )


def _masked(
    expectation: Expectation,
    answer: Any,
    outcome: Outcome,
    *,
    shown: frozenset[str],
    personal: frozenset[str],
    values: bool,
) -> Any:
    """A result of Great Expectations' with the same counts, and masked values in place of the data's."""
    theirs = {} if outcome.raised else answer.result
    result = {key: value for key, value in theirs.items() if _COUNTS.match(key)}
    if "unexpected_count" not in theirs:
        result["observed_value"] = _observed(expectation, theirs.get("observed_value"), outcome, shown, personal)
    elif values:
        cells = [column in shown for column in columns_of(expectation)]
        sample = (told_row(value, cells) for value in theirs.get("partial_unexpected_list") or () if value is not None)
        result["partial_unexpected_list"] = [_inert(text) for text in dict.fromkeys(sample)]
    return ExpectationValidationResult(
        success=outcome.passed,
        expectation_config=ExpectationConfiguration(type=expectation.type, kwargs=_declared(expectation.kwargs)),
        result=result,
        exception_info={
            "raised_exception": outcome.raised is not None,
            "exception_message": _inert(outcome.raised or ""),
            "exception_traceback": "",
        },
    )


def _observed(
    expectation: Expectation, observed: Any, outcome: Outcome, shown: frozenset[str], personal: frozenset[str]
) -> Any:
    """What was measured, in our words; quantiles stay a table."""
    if not isinstance(observed, dict) or "quantiles" not in observed or expectation.column in personal:
        return _inert(outcome.observed)
    told_ = [
        number(value) if is_number(value) else told(value, shown=expectation.column in shown)
        for value in observed["values"]
    ]
    return {"quantiles": observed["quantiles"], "values": [_inert(text) for text in told_]}


def _declared(value: Any) -> Any:
    """The arguments of a declaration, with inert texts and short lists."""
    if isinstance(value, str):
        return _inert(value)
    if isinstance(value, dict):
        return {_inert(str(key)): _declared(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        listed = [_declared(each) for each in list(value)[:_LISTED_MAX]]
        return [*listed, f"and {len(value) - _LISTED_MAX:,} more"] if len(value) > _LISTED_MAX else listed
    return value


def _inert(text: str) -> str:
    """The text on one line, with nothing in it that HTML or a template would read."""
    return plain(text, characters_max=_TEXT_CHARACTERS_MAX).translate(_HIDDEN)


@cache
def _view() -> Any:
    """Great Expectations' view without what it would fetch and run; its compiled templates are kept."""
    view: Any = DefaultJinjaPageView()
    # A traceback has no place on the page, and all that is folded away are tracebacks.
    ours = DictLoader({"page.j2": _PAGE, "collapse.j2": ""})
    view.env.loader = ChoiceLoader([ours, view.env.loader])
    return view
