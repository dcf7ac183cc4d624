"""The last look at a query, by DuckDB's own parser: every table, function and kind of node is one of ours.

sqlglot has judged the query before; this holds even where sqlglot reads a text as something else than DuckDB does.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from orders_monitor.adapters.workbench import vocabulary
from orders_monitor.adapters.workbench.allowlist import NO_ROW, is_reaching, is_row
from orders_monitor.agent.workbench import QueryRefused

_CALLS = ("FUNCTION", "WINDOW")
_OUTSIDE = QueryRefused(why="the query reads something else than landed and history", kind="reach")
_NO_ROW = QueryRefused(why=NO_ROW, kind="mistake")
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
    root = tree["statements"][0]["node"]
    called = frozenset(_called(root))
    named = tables
    for entry in root.pop("cte_map")["map"]:  # each may read what was named before it
        refused = _refused(entry["value"], named, called)
        if refused is not None:
            return refused
        named |= {entry["key"].lower()}
    return _refused(root, named, called)


def _refused(tree: dict[str, Any], named: frozenset[str], called: frozenset[str]) -> QueryRefused | None:
    """The gravest that there is to say of any node."""
    strangers = [node for node in _nodes(tree) if not _is_ours(node, named)]
    if not all(_is_slip(node) for node in strangers):
        return _OUTSIDE
    rows = any(node.get("class") == "COLUMN_REF" and is_row(node["column_names"], called) for node in _nodes(tree))
    return _UNREADABLE if strangers else _NO_ROW if rows else None


def _called(tree: dict[str, Any]) -> Iterator[str]:
    """Every name of a table in the query, its own and those that the query gives."""
    for node in _nodes(tree):
        if "alias" in node and "class" not in node:
            yield node["alias"].lower()
            yield node.get("table_name", "").lower()


def _is_slip(node: dict[str, Any]) -> bool:
    """Whether it is a function that does nothing outside, such as the row of `count(DISTINCT (a, b))`."""
    if node.get("class") not in _CALLS or node.get("schema") or node.get("catalog"):
        return False
    return not is_reaching(str(node["function_name"]))


def _is_ours(node: dict[str, Any], named: frozenset[str]) -> bool:
    kind, word = node.get("type"), node.get("class")
    if node.get("sample") or node.get("at_clause") or node.get("cte_map", {}).get("map"):
        return False
    if isinstance(kind, str) and kind.endswith("_NODE"):
        return kind in vocabulary.ENGINE_QUERIES
    if word is not None:
        return word in vocabulary.ENGINE_EXPRESSIONS and _is_our_call(node)
    if kind == "BASE_TABLE":
        plain = not node["schema_name"] and not node["catalog_name"]
        return plain and node["table_name"].lower() in named
    # A table has an alias and no class; every other object is a part of something that was judged.
    return "alias" not in node or kind in vocabulary.ENGINE_TABLES


def _is_our_call(node: dict[str, Any]) -> bool:
    if node["class"] == "STAR":
        return not node.get("expr")  # COLUMNS('...'); ORDER BY ALL is a star with nothing in it
    if node["class"] not in _CALLS:
        return True
    plain = not node.get("schema") and not node.get("catalog")
    return plain and str(node["function_name"]).lower() in vocabulary.ENGINE_FUNCTIONS


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
