"""Names and texts as SQL, whatever is in them."""


def name(identifier: str) -> str:
    """A column or view name as SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as an SQL literal; DuckDB knows no escapes but the doubled quote."""
    return "'" + value.replace("'", "''") + "'"
