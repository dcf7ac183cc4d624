"""One text for all queries that ask the same, so that asking in other words is asking again.

Two queries with one text ask the same of the same rows; two that ask the same may still have two texts. What does not
change the answer's content is taken away: case, quotation, comments, aliases, the order of columns, of conditions and
of groups, LIMIT (the first rows of an answer are no other question; OFFSET and an order of rows without groups are).
"""

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel

from orders_monitor.adapters.workbench.allowlist import BROKEN, Refusal, parsed

NODES_MAX = 400  # of a longer query the way to its one text is too long; its words are compared
_EVEN = (exp.EQ, exp.NEQ, exp.Add, exp.Mul, exp.NullSafeEQ, exp.NullSafeNEQ)


def canonical(sql: str) -> str | None:
    """The text, or None where the SQL is no single SELECT, or a very long one."""
    try:
        tree = parsed(sql).copy()
        if sum(1 for _ in tree.walk()) > NODES_MAX:
            return None
        for query in reversed(list(tree.find_all(exp.Select))):
            _settle_names(query)
        _settle_tables(tree)
        for query in reversed(list(tree.find_all(exp.Select))):
            _settle_parts(query)
        _settle_values(tree)
        return _written(tree)
    except (Refusal, RecursionError, *BROKEN):
        return None


def _settle_names(query: exp.Select) -> None:
    """Ordinals and aliases of the projection become what they stand for; identifiers lose their case and quotes."""
    for identifier in query.find_all(exp.Identifier):
        identifier.set("this", identifier.name.lower())
        identifier.set("quoted", False)
    stands_for = {p.alias: p.this for p in query.expressions if isinstance(p, exp.Alias)}
    grouped = query.args.get("group")
    if grouped is not None and grouped.args.get("all"):
        plain = [p.unalias() for p in query.expressions if p.find(exp.AggFunc) is None]
        query.set("group", exp.Group(expressions=[p.copy() for p in plain]))
        grouped = query.args["group"]
    for clause in (grouped, query.args.get("order"), query.args.get("having"), query.args.get("qualify")):
        if clause is not None:
            _resolve(clause, query, stands_for)


def _resolve(clause: exp.Expr, query: exp.Select, stands_for: dict[str, exp.Expr]) -> None:
    for column in list(clause.find_all(exp.Column)):
        if not column.table and column.name in stands_for:
            column.replace(stands_for[column.name].copy())
    if isinstance(clause, exp.Group | exp.Order):
        for part in list(clause.expressions):
            place = part.this if isinstance(part, exp.Ordered) else part
            if isinstance(place, exp.Literal) and place.is_int and 0 < int(place.name) <= len(query.expressions):
                place.replace(query.expressions[int(place.name) - 1].unalias().copy())


def _settle_tables(tree: exp.Query) -> None:
    """A table that a query names once is called by its name; with one table, columns need no table."""
    for number, cte in enumerate(tree.ctes):
        was, now = cte.alias.lower(), f"with_{number}"
        cte.set("alias", exp.TableAlias(this=exp.to_identifier(now), columns=cte.args["alias"].columns))
        for table in tree.find_all(exp.Table):
            if table.name.lower() == was:
                if not table.alias:
                    table.set("alias", exp.TableAlias(this=exp.to_identifier(was)))
                table.set("this", exp.to_identifier(now))
    for query in tree.find_all(exp.Select):
        _settle_aliases(query)


def _settle_aliases(query: exp.Select) -> None:
    sources = [s for s in _sources(query) if isinstance(s, exp.Table | exp.Subquery)]
    for number, source in enumerate(sources):
        called = source.alias_or_name
        now = "" if len(sources) == 1 else f"from_{number}"
        for column in list(query.find_all(exp.Column)):
            if column.table == called:
                column.set("table", exp.to_identifier(now) if now else None)
        columns = source.args["alias"].columns if source.args.get("alias") else []
        source.set(
            "alias",
            exp.TableAlias(this=exp.to_identifier(now) if now else None, columns=columns) if now or columns else None,
        )


def _sources(query: exp.Select) -> list[exp.Expr]:
    found = query.args.get("from_")
    first = [] if found is None else [found.this]
    return [*first, *(join.this for join in query.args.get("joins") or [])]


def _settle_parts(query: exp.Select) -> None:
    """DISTINCT is a group of everything; the order of columns and groups, and a needless order of rows, is nothing."""
    has_aggregate = any(p.find(exp.AggFunc) is not None for p in query.expressions)
    distinct = query.args.get("distinct")
    if distinct is not None and not distinct.args.get("on") and not query.args.get("group") and not has_aggregate:
        query.set("distinct", None)
        query.set("group", exp.Group(expressions=[p.unalias().copy() for p in query.expressions]))
    grouped = query.args.get("group")
    if grouped is not None:
        grouped.set("expressions", _sorted(grouped.expressions))
    is_limited = query.args.get("limit") is not None or query.args.get("offset") is not None
    if (grouped is not None or has_aggregate) and not is_limited:
        query.set("order", None)
    if _is_last(query):
        query.set("limit", None)
        query.set("expressions", _sorted([p.unalias() for p in query.expressions]))


def _is_last(query: exp.Select) -> bool:
    """Whether nobody reads the query's columns by name or place: it is the whole question, or asked for existence."""
    return query.parent is None or isinstance(query.parent, exp.Exists)


def _settle_values(tree: exp.Query) -> None:
    """Comparisons one way round, BETWEEN as two, conditions and lists sorted and each once, from the inside out."""
    for node in reversed(list(tree.walk())):
        settled = _settled(node)
        if settled is not node and node.parent is not None:
            node.replace(settled)


def _settled(node: exp.Expr) -> exp.Expr:
    match node:
        case exp.Paren() if not isinstance(node.this, exp.Query):
            inner: exp.Expr = node.this.copy()
            return inner
        case exp.Between() if not node.args.get("symmetric"):
            low, high = node.args["low"], node.args["high"]
            both = [exp.LTE(this=low, expression=node.this.copy()), exp.LTE(this=node.this.copy(), expression=high)]
            return exp.And(this=both[0], expression=both[1])
        case exp.GT() | exp.GTE():
            turned = exp.LT if isinstance(node, exp.GT) else exp.LTE
            return turned(this=node.expression.copy(), expression=node.this.copy())
        case exp.Not() if isinstance(node.this, exp.EQ):
            return exp.NEQ(this=node.this.this.copy(), expression=node.this.expression.copy())
        case exp.Count() if isinstance(node.this, exp.Literal):
            return exp.Count(this=exp.Star())
        case exp.In() if node.expressions:
            node.set("expressions", _sorted(node.expressions))
    return node


def _written(tree: exp.Query) -> str:
    """The text, with the sides of what is even and the conditions of AND and OR sorted, from the inside out."""
    for node in reversed(list(tree.walk())):
        if isinstance(node, _EVEN):
            left, right = sorted((node.this, node.expression), key=_text)
            node.set("this", left)
            node.set("expression", right)
        elif isinstance(node, exp.And | exp.Or) and not isinstance(node.parent, type(node)):
            parts = {_text(part): part.copy() for part in node.flatten()}
            kept = [exp.Paren(this=parts[text]) for text in sorted(parts)]
            joined: exp.Expr = kept[0]
            for part in kept[1:]:
                joined = type(node)(this=joined, expression=part)
            if node.parent is not None:
                node.replace(joined)
    return _text(tree)


def _sorted(parts: list[exp.Expr]) -> list[exp.Expr]:
    return sorted((part.copy() for part in parts), key=_text)


def _text(node: exp.Expr) -> str:
    return node.sql(dialect=DuckDB, comments=False, normalize_functions="lower", unsupported_level=ErrorLevel.IGNORE)
