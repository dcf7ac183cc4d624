"""The agent's read-only tools. Every answer is JSON: cut, masked, and the same for the same case and call.

What strangers wrote (names, values, messages, notes) is only ever inside of JSON strings, and cut.
"""

from collections.abc import Mapping
from functools import cache

from pydantic import ValidationError

from orders_monitor.agent import tools_case, tools_past, tools_rows
from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.model import ToolCall, ToolSpec
from orders_monitor.agent.schema import strict_schema
from orders_monitor.agent.tool import Case, ColumnsAsked, Nothing, Tool, cell, fitted, text
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.release import Release

TOOLS: Mapping[str, Tool] = {
    "signals": Tool(
        "Everything that is not clean, with the evidence ids to cite. Ask this first.", Nothing, tools_case.signals
    ),
    "contract_diff": Tool(
        "How the landed columns differ from the contract, and the contract's types.", Nothing, tools_case.contract_diff
    ),
    "expectation_outcomes": Tool(
        "What every declared expectation said: rows, unexpected rows, and the predicate that names those rows.",
        tools_case.OutcomesAsked,
        tools_case.expectation_outcomes,
    ),
    "profile": Tool(
        "Statistics of landed columns, and how many rows are exact duplicates.", ColumnsAsked, tools_case.profile
    ),
    "metric_history": Tool(
        "A metric's usual range and its values on earlier partitions, latest first.",
        tools_case.MetricAsked,
        tools_case.metric_history,
    ),
    "flagged_rows": Tool(
        "Where the rows are that break a failed expectation: how many, and by column [value, flagged rows, all rows], "
        "hours and ranges.",
        tools_rows.FlaggedAsked,
        tools_rows.flagged_rows,
    ),
    "lineage": Tool(
        "What the table is made from, and of each promised column: its source, what changed, and what asks about it.",
        ColumnsAsked,
        tools_past.lineage,
    ),
    "past_incidents": Tool(
        "Earlier partitions of the table that were not clean: signals, actions, and what people decided and noted.",
        Nothing,
        tools_past.past_incidents,
    ),
    "sql": Tool(
        "Run one SELECT over two tables: `landed` (this partition as found) and `history` (earlier published "
        "partitions, with partition_date). Texts that you may not read are shown as `masked:` and a code: equal "
        "texts have equal codes, so they group, count and join. Nothing else can be read.",
        tools_rows.SqlAsked,
        tools_rows.sql,
    ),
}


def specs(release: Release) -> tuple[ToolSpec, ...]:
    """The tools of that release, as the model is told of them. `prompts.require_usable` has seen that they are ours."""
    return tuple(_spec(limit.name) for limit in release.tools)


@cache
def _spec(name: str) -> ToolSpec:
    """Made once: a schema costs as much as a step of the conversation."""
    tool = TOOLS[name]
    return ToolSpec(name, tool.description, strict_schema(tool.arguments.model_json_schema()))


def run(
    call: ToolCall,
    *,
    briefing: Briefing,
    release: Release,
    workbench: Workbench | None = None,
) -> str:
    """The tool's answer as JSON text, not longer than the release allows. Raises ToolRefused, StoreUnavailable.

    Without a workbench the tools that look at rows are refused.
    """
    tool = TOOLS.get(call.name)
    if tool is None or release.tool(call.name) is None:
        raise ToolRefused(tool=cell(call.name), why="there is no such tool")
    try:
        arguments = tool.arguments.model_validate(dict(call.arguments))
    except ValidationError as invalid:
        error = invalid.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in error["loc"]) or "arguments"
        raise ToolRefused(tool=call.name, why=text(f"{place}: {error['msg']}")) from invalid
    answer = tool.answer(Case(briefing, release.guardrails, workbench), arguments)
    return fitted(answer, evidence=call.evidence, bytes_max=release.guardrails.tool_output_bytes_max)
