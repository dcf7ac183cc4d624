"""A command of ours as it is typed, in a sentence that says what to do next."""

import shlex


def command(table: str, *words: str) -> str:
    """The whole line, for a terminal: whichever tables are declared there, it is about this one."""
    return shlex.join(["orders-monitor", "--table", table, *words])
