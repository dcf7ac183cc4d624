"""The last look at a query, by DuckDB's own parser: every table, function and kind of node is one of ours.

sqlglot has judged the query before; this holds even where sqlglot reads a text as something else than DuckDB does.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from orders_monitor.adapters.workbench import vocabulary
from orders_monitor.agent.workbench import QueryRefused

_CALLS = ("FUNCTION", "WINDOW")
_OUTSIDE = QueryRefused(why="the query reads something else than landed and history", kind="reach")
_UNREADABLE = QueryRefused(why="the query cannot be read as SQL", kind="mistake")


def refusal(connection: duckdb.DuckDBPyConnection, sql: str, *, tables: frozenset[str]) -> QueryRefused | None:
    """Why DuckDB's own reading of the query is not allowed; None where it is."""
    try:
        found = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    except (duckdb.ParserException, duckdb.InvalidInputException):
        return _UNREADABLE
    tree: dict[str, Any] = json.loads(str(found[0])) if found else {"error": True}
    if tree["error"]:
        return _OUTSIDE if tree.get("error_type") == "not implemented" else _UNREADABLE
    if len(tree["statements"]) != 1:
        return _OUTSIDE
    nodes = list(_nodes(tree["statements"][0]["node"]))
    named = tables | {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    return None if all(_is_ours(node, named) for node in nodes) else _OUTSIDE


def _is_ours(node: dict[str, Any], named: frozenset[str]) -> bool:
    if "function_name" in node and node.get("class") in _CALLS:
        plain = not node.get("schema") and not node.get("catalog")
        return plain and node["function_name"].lower() in vocabulary.ENGINE_FUNCTIONS
    if "from_table" in node and node["from_table"]["type"] not in vocabulary.ENGINE_TABLES:
        return False
    if node.get("type") == "JOIN" and "left" in node:
        return all(node[side]["type"] in vocabulary.ENGINE_TABLES for side in ("left", "right"))
    if node.get("type") == "BASE_TABLE":
        plain = not node["schema_name"] and not node["catalog_name"]
        return plain and node["table_name"].lower() in named
    return node.get("type") not in _NEVER


_NEVER = frozenset(
    {"TABLE_FUNCTION", "EXPRESSION_LIST", "PIVOT", "SHOW_REF", "COLUMN_DATA", "DELIM_GET", "BOUND_TABLE_REF",
     "RECURSIVE_CTE_NODE", "LAMBDA", "VALUE_PARAMETER", "PARAMETER", "POSITIONAL_REFERENCE"}
)  # fmt: skip


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object below this one, without recursion: the tree may be deep."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
