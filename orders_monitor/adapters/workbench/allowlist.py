"""Which SQL may run: one SELECT over `landed` and `history`, made of the words of the vocabulary and nothing else.

What runs is not the text that was asked but the text that is written anew from the tree that was judged: what the two
parsers would read differently, a comment or an odd quotation, is gone by then. DuckDB's own parser is asked last
(`engine_words`), so that nothing depends on sqlglot reading as DuckDB does.
"""

from collections.abc import Container, Iterator

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from orders_monitor.adapters.workbench import vocabulary
from orders_monitor.agent.workbench import QueryRefused

TABLES = ("landed", "history")
SQL_CHARACTERS_MAX = 4_000
NODES_MAX = 1_500
NESTING_MAX = 12  # sqlglot reads some words once more for each level, and each of these times twice
TABLES_MAX = 8
FORMAT_CHARACTERS_MAX = 64  # a format writes up to a dozen characters for each of its own
# What sqlglot raises on a function with too few arguments, or of another kind than it expects.
BROKEN = (SqlglotError, AttributeError, LookupError, TypeError, ValueError)
_UNREADABLE = "the query cannot be read as SQL"
_UNNAMED = "unnamed_subquery"  # what DuckDB calls a table without a name
_CATALOGS = ("information_schema", "sqlite_", "pg_", "duckdb_", "pragma_")
_DATABASES = ("main", "memory", "system", "temp")
_TABLE_ARGUMENTS = frozenset({"this", "alias", "joins"})


class Refusal(Exception):
    """A tree that may not run."""

    def __init__(self, refused: QueryRefused) -> None:
        self.refused = refused
        super().__init__(refused.why)


class _Parser(DuckDBParser):
    """Reads as sqlglot does, and does not log what it read: a query may hold anything."""

    def _warn_unsupported(self) -> None:
        """A statement that is no query is a verdict here."""


def checked(sql: str, *, rows_max: int) -> str | QueryRefused:
    """The same question written anew, with at most `rows_max` rows in one order, or why it may not run."""
    try:
        tree = parsed(sql)
        _judge(tree)
        return written(_bounded(tree, rows_max=rows_max))
    except Refusal as refusal:
        return refusal.refused
    except RecursionError:  # sqlglot descends by recursion, and so does its writer
        return limit("the query is nested too deeply")


def parsed(sql: str) -> exp.Query:
    """The tree of one SELECT. Raises Refusal, RecursionError."""
    try:
        words = _words(sql)
        trees = _Parser(dialect=DuckDB()).parse(words, sql)
    except TokenError as error:
        raise Refusal(mistake("the query has a quotation or a comment that does not end")) from error
    except ParseError as error:
        raise Refusal(mistake(_first_words(error))) from error
    except BROKEN as error:  # an escape or a number that is none
        raise Refusal(mistake(_UNREADABLE)) from error
    found = [tree for tree in trees if tree is not None]
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise Refusal(reach("only one SELECT can be run"))
    tree = found[0]
    while isinstance(tree, exp.Subquery) and isinstance(tree.this, exp.Query) and not _has_more(tree):
        tree = tree.this
    return tree


def written(tree: exp.Expr) -> str:
    """The tree as DuckDB's SQL. Raises Refusal, RecursionError."""
    try:
        return tree.sql(dialect=DuckDB, identify=True, comments=False, unsupported_level=ErrorLevel.IGNORE)
    except BROKEN as error:
        raise Refusal(mistake(_UNREADABLE)) from error


def mistake(why: str) -> QueryRefused:
    """A slip: the model may try again."""
    return QueryRefused(why=why, kind="mistake")


def reach(why: str) -> QueryRefused:
    """An attempt to leave the room."""
    return QueryRefused(why=why, kind="reach")


def limit(why: str) -> QueryRefused:
    """Too much."""
    return QueryRefused(why=why, kind="limit")


def _words(sql: str) -> list[Token]:
    """The query's tokens, bounded: what the parser would not survive is refused before it."""
    if len(sql) > SQL_CHARACTERS_MAX:
        raise Refusal(limit(f"the query is {len(sql):,} characters long, {SQL_CHARACTERS_MAX:,} are allowed"))
    if not sql.isprintable() and any(not c.isprintable() and c not in "\n\r\t" for c in sql):
        raise Refusal(mistake("the query has a character that is no text"))
    words = list(DuckDB().tokenize(sql))
    while words and words[-1].token_type == TokenType.SEMICOLON:
        words.pop()
    if any(word.token_type == TokenType.SEMICOLON for word in words):
        raise Refusal(reach("only one statement can be run"))
    first = next((word.text.upper() for word in words if word.token_type != TokenType.L_PAREN), "")
    if first not in ("SELECT", "WITH"):
        known = first in vocabulary.STATEMENTS
        raise Refusal((reach if known else mistake)("a query begins with SELECT or WITH, and only reads"))
    if _depth(words) > NESTING_MAX:
        raise Refusal(limit("the query is nested too deeply"))
    joins = sum(word.token_type == TokenType.JOIN for word in words)
    if joins > TABLES_MAX:  # the parser's time doubles with each join that says not on what
        raise Refusal(limit(f"the query joins {joins} times, {TABLES_MAX} are allowed"))
    return words


def _depth(words: list[Token]) -> int:
    """How deep brackets, CASE and rows of NOT or signs go."""
    opened = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
    closed = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
    depth = deepest = row = 0
    for word in words:
        depth += (word.token_type in opened) - (word.token_type in closed)
        row = row + 1 if word.token_type in (TokenType.NOT, TokenType.DASH, TokenType.TILDE) else 0
        deepest = max(deepest, depth, row)
    return deepest


def _first_words(error: ParseError) -> str:
    """What is wrong and where, in our words: the parser's own message quotes the query with colours."""
    first = error.errors[0] if error.errors else {}
    at = f" at line {first['line']}, column {first['col']}" if first.get("line") else ""
    return f"{_UNREADABLE}{at}"


def _judge(tree: exp.Query) -> None:
    """Raises Refusal unless every node, function, type and table is one of ours."""
    nodes = list(tree.walk())
    if len(nodes) > NODES_MAX:
        raise Refusal(limit("the query has too many parts"))
    for node in nodes:
        _judge_node(node)
    _judge_tables(tree)
    _judge_columns(tree)


def _judge_node(node: exp.Expr) -> None:
    kind = type(node).__name__
    match node:
        case exp.Table() if not _is_plain(node):
            raise Refusal(reach(_NO_TABLE))
        case exp.With() if node.recursive:
            raise Refusal(mistake("a query cannot call itself"))
        case exp.DataType() if _type_name(node) not in vocabulary.TYPES or node.args.get("kind"):
            raise Refusal(mistake("the query names a type that is not available"))
        case exp.Var() if not node.name.replace("_", "").isalpha():
            raise Refusal(mistake(_UNREADABLE))
        case exp.Tuple() if not isinstance(node.parent, exp.Group):
            raise Refusal(mistake(NO_ROW))
        case exp.Distinct() if len(node.expressions) > 1 and isinstance(node.parent, exp.Func):
            raise Refusal(mistake(NO_ROW))
        case exp.Command() | exp.DML() | exp.DDL() | exp.Into() if kind not in vocabulary.NODES:
            raise Refusal(reach("a query only reads"))
        case exp.Func() if kind not in vocabulary.NODES:
            _judge_call(node)
        case _ if kind not in vocabulary.NODES:
            raise Refusal(mistake(f"{_spoken(kind)} is not available"))


def _judge_call(node: exp.Func) -> None:
    kind = type(node).__name__
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        _judge_function(node.name)
    elif kind not in vocabulary.FUNCTIONS:
        _judge_function(node.sql_names()[0] if kind != "Func" else "")
    elif isinstance(node, exp.TimeToStr) and not _is_short(node.args.get("format")):
        raise Refusal(limit(f"the format of a time is a literal of at most {FORMAT_CHARACTERS_MAX} characters"))
    elif node.args.get("count") is not None:
        raise Refusal(mistake("the largest and the smallest are one value, never a list"))
    elif isinstance(node, _PATTERNS) and not isinstance(node.expression, exp.Literal):
        raise Refusal(mistake("a pattern is a literal"))  # another for each row takes longer than can be interrupted


def _is_plain(table: exp.Table) -> bool:
    said = {key for key, value in table.args.items() if value}
    return said <= _TABLE_ARGUMENTS and isinstance(table.this, exp.Identifier)


def _is_short(word: object) -> bool:
    return isinstance(word, exp.Literal) and len(word.name) <= FORMAT_CHARACTERS_MAX


def _type_name(node: exp.DataType) -> str:
    return "INTERVAL" if isinstance(node.this, exp.Interval) else str(getattr(node.this, "name", ""))


def _judge_function(name: str) -> None:
    lowered = name.lower()
    if lowered in vocabulary.ANONYMOUS:
        return
    if is_reaching(lowered):
        raise Refusal(reach(f"the function {lowered[:40]} is outside of what a query may do"))
    raise Refusal(mistake(f"the function {lowered[:40]} is not available"))


def is_reaching(function: str) -> bool:
    """Whether a function that is none of ours would read or change something outside."""
    return function.lower().startswith(vocabulary.REACHING) or function.lower().endswith("_scan")


_PATTERNS = (exp.RegexpLike, exp.RegexpExtract, exp.RegexpFullMatch, exp.SimilarTo)
NO_ROW = "a whole row is no value here: name its columns one by one"
_NO_TABLE = "there are two tables, landed and history, and what the query itself names in WITH"


def _judge_tables(tree: exp.Query) -> None:
    """Every table is ours or a CTE that was defined before: a name must never fall through to DuckDB's own tables."""
    root = tree.args.get("with_")
    if any(found is not root for found in tree.find_all(exp.With)):
        raise Refusal(mistake("WITH can stand at the beginning of the query only"))
    named: set[str] = set()
    counted = 0
    for part in _in_order(tree, root):
        if isinstance(part, exp.CTE):
            _judge_cte(part, named)
        for table in part.find_all(exp.Table) if isinstance(part, exp.CTE) else _tables_outside(tree, root):
            counted += 1
            if table.name.lower() not in {*TABLES, *named}:
                raise Refusal((mistake if _is_plain_word(table.name) else reach)(_NO_TABLE))
        if isinstance(part, exp.CTE):
            named.add(part.alias.lower())
    if counted > TABLES_MAX:
        raise Refusal(limit(f"the query names {counted} tables, {TABLES_MAX} are allowed"))


def _is_plain_word(name: str) -> bool:
    """Whether a table of that name can only be a slip, such as the monitored table's own name: no file, no catalog."""
    return name.isascii() and name.isidentifier() and not name.lower().startswith((*vocabulary.REACHING, *_CATALOGS))


def _judge_cte(cte: exp.CTE, named: set[str]) -> None:
    name = cte.alias.lower()
    if name in TABLES or name in named or not name.isidentifier() or not name.isascii():
        raise Refusal(mistake("a name in WITH is a plain word, once, and neither landed nor history"))
    if name.startswith((*vocabulary.REACHING, *_CATALOGS)):
        raise Refusal(reach(_NO_TABLE))


def _judge_columns(tree: exp.Query) -> None:
    """DuckDB takes a table's name for a value, its whole row; written as a text, and that again, it never ends."""
    named = tree.find_all(exp.Table, exp.Subquery)
    tables = {name.lower() for table in named for name in (table.name, table.alias) if name}
    for column in tree.find_all(exp.Column):
        if is_row([part.name for part in column.parts], tables):
            raise Refusal(mistake(NO_ROW))


def is_row(parts: list[str], tables: Container[str]) -> bool:
    """Whether a column of that name may be a table's row; so named, a column is asked for with its table's name."""
    *before, last = (part.lower() for part in parts)
    if last not in tables and not last.startswith(_UNNAMED):
        return False
    return len(before) != 1 or before[0] not in tables or before[0] in _DATABASES


def _in_order(tree: exp.Query, root: exp.With | None) -> Iterator[exp.Expr]:
    if root is not None:
        yield from root.expressions
    yield tree


def _tables_outside(tree: exp.Query, root: exp.With | None) -> Iterator[exp.Table]:
    yield from (table for table in tree.find_all(exp.Table) if root is None or not _is_inside(table, root))


def _is_inside(node: exp.Expr, ancestor: exp.Expr) -> bool:
    while node.parent is not None:
        node = node.parent
        if node is ancestor:
            return True
    return False


def _bounded(tree: exp.Query, *, rows_max: int) -> exp.Query:
    """At most that many rows, in an order that the engine does not choose."""
    asked = tree.args.get("limit")
    wanted = rows_max
    if asked is not None:
        number = asked.expression
        if not isinstance(asked, exp.Limit) or not isinstance(number, exp.Literal) or not number.name.isdecimal():
            raise Refusal(mistake("LIMIT takes a whole number"))
        wanted = min(rows_max, int(number.name))
    bounded = tree.copy()
    if bounded.args.get("order") is None and not _is_scan(bounded):
        bounded.set("order", exp.Order(expressions=[exp.Ordered(this=exp.Var(this="ALL"))]))
    bounded.set("limit", exp.Limit(expression=exp.Literal.number(wanted)))
    return bounded


def _is_scan(tree: exp.Query) -> bool:
    """Whether the rows come as they lie in one file: that order is the file's, and sorting wide rows is dear."""
    scanned = tree.args.get("from_")
    parts = ("with_", "joins", "group", "distinct", "having", "qualify", "windows")
    plain = isinstance(tree, exp.Select) and not any(tree.args.get(part) for part in parts)
    return plain and scanned is not None and scanned.this.name.lower() == "landed"


def _has_more(tree: exp.Subquery) -> bool:
    return any(value for key, value in tree.args.items() if key != "this")


def _spoken(kind: str) -> str:
    """`TableSample` as `table sample`."""
    if kind == "DPipe":
        return "joining texts"
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()
