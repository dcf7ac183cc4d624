"""The command line: what a reviewer and an operator type, what they read, and what is refused with nothing lost."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from orders_monitor.cli.main import commands
from orders_monitor.core.casebook import CaseSummary
from orders_monitor.core.editing import WORDS
from orders_monitor_tests.small_shop import csv_of, declared, rows_of

SCRIPT = Path(sys.executable).with_name("orders-monitor")
PUBLISHED, WAITING, HELD, ALSO_WAITING, NOT_RUN = (f"2026-03-0{day}" for day in (3, 4, 5, 6, 7))
RAN = (PUBLISHED, WAITING, HELD, ALSO_WAITING)
RENAMED = "order_id,order_status,quantity,email,amount,created_at"
NOTHING, SOMETHING = "0 of 60,000 tokens, $0.00 of $0.25", "N of 60,000 tokens, $M of $0.25"
UI = "http://127.0.0.1:3000/assets/small_shop/plan?view=partitions&partition="


@dataclass(frozen=True)
class Terminal:
    """A terminal on one home and one declaration."""

    home: Path
    declaration: Path

    def types(self, *words: str) -> Result:
        """A command, in this process."""
        return CliRunner().invoke(commands, ["--declaration", str(self.declaration), *words])

    def starts(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The installed console script, in a process of its own."""
        return subprocess.run(
            [SCRIPT, "--declaration", self.declaration, *words],
            env=environment(self.home),
            capture_output=True,
            text=True,
            check=False,
        )

    def listed(self) -> dict[str, dict[str, str]]:
        """Everything that the journal has decided or not, by partition."""
        return {row["partition"]: row for row in json.loads(self.types("review", "list", "--all", "--json").stdout)}

    def next(self, *words: str) -> str:
        """A command as the output tells to type it."""
        return " ".join(["orders-monitor", "--declaration", str(self.declaration), *words])


def environment(home: Path) -> Mapping[str, str]:
    """This process's environment, with that home and no database server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDERS_MONITOR_", "DAGSTER_"))}
    return {**kept, "ORDERS_MONITOR_HOME": str(home)}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The night before: one partition published, two that wait, one held. Returns its terminal and what was printed."""
    folder = tmp_path_factory.mktemp("night")
    upstream = folder / "upstream"
    upstream.mkdir()
    for day, header in ((PUBLISHED, None), (WAITING, RENAMED), (ALSO_WAITING, RENAMED), (NOT_RUN, None)):
        (upstream / f"{day}.csv").write_text(csv_of(rows_of(day), *([header] if header else [])))
    table = declared(upstream, partitions={"start": PUBLISHED, "end": NOT_RUN})
    declaration = folder / "shop.yaml"
    declaration.write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))
    terminal = Terminal(home=folder / "home", declaration=declaration)
    return terminal, terminal.starts("run", *(word for day in RAN for word in ("--partition", day)))


@pytest.fixture
def terminal(night, tmp_path, monkeypatch):
    """The morning after that night, in a copy of its own."""
    before, _ = night
    shutil.copytree(before.home, tmp_path / "home")
    for name in [name for name in os.environ if name.startswith(("ORDERS_MONITOR_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    return Terminal(home=tmp_path / "home", declaration=before.declaration)


def test_run_shows_progress_counts_tokens_and_says_what_to_type(night):
    """A run prints a line for each partition, the counts, what to type for those that wait, and the tokens spent."""
    terminal, ran = night
    seen = re.sub(r"\b[1-9][\d,]* of 60,000 tokens, \$0\.\d+ of", "N of 60,000 tokens, $M of", ran.stdout)
    seen = re.sub(r"agent: [1-9][\d,]+ tokens, \$0\.\d+", "agent: N tokens, $M", seen)
    lines = [re.sub(r" {2,}", "  ", line).strip() for line in seen.splitlines()]

    # Who declared no channel has the log: a line for each incident, and two partitions of one change are one.
    logged = [line.split(": ")[0] for line in ran.stderr.splitlines()]
    assert (0, [f"small_shop {WAITING}", "small_shop 2026-03-05"]) == (ran.returncode, logged)
    assert [
        "small_shop: 4 partitions, 0 of them done already",
        f"1/4  2026-03-03  published  {NOTHING}  publish the rows",
        f"2/4  2026-03-04  waiting  {SOMETHING}  publish the rows; read status from the landed column order_status",
        f"3/4  2026-03-05  held  {NOTHING}  hold: there is no file '2026-03-05.csv'",
        f"4/4  2026-03-06  waiting  {SOMETHING}  publish the rows; read status from the landed column order_status",
        "small_shop: 1 published, 2 waiting, 1 held",
        f"waits: 2026-03-04  {terminal.next('review', 'show', WAITING)}",
        f"{UI}{WAITING}",
        f"waits: 2026-03-06  {terminal.next('review', 'show', ALSO_WAITING)}",
        f"{UI}{ALSO_WAITING}",
        "agent: N tokens, $M spent",
    ] == lines


def test_the_lines_of_a_run_are_aligned(night):
    """The sentences of all partitions begin in one column."""
    _, ran = night
    said = ("publish the rows", "hold:")
    columns = {line.index(s) for line in ran.stdout.splitlines() if "/4  " in line for s in said if s in line}

    assert 1 == len(columns)


@pytest.mark.slow
def test_a_second_run_does_nothing_and_loads_nothing_heavy(terminal):
    """What is done is skipped, in a process that loads neither Great Expectations nor the SDK nor pandas."""
    heavy = ("great_expectations", "anthropic", "pandas", "deltalake", "httpx2")
    code = (
        "import sys; from click.testing import CliRunner; from orders_monitor.cli.main import commands; "
        "result = CliRunner().invoke(commands, sys.argv[1:]); print(result.stdout); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    words = ["--declaration", str(terminal.declaration), "run", "--partition", PUBLISHED, "--partition", HELD]
    ran = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=environment(terminal.home),
        capture_output=True,
        text=True,
        check=False,
    )

    assert [
        "small_shop: 2 partitions, 2 of them done already",
        "small_shop: 1 published, 0 waiting, 1 held",
        "",
        "[]",
    ] == (ran.stdout.splitlines())


@pytest.mark.slow
def test_run_all_runs_what_is_left_and_again_repeats_it(terminal):
    """`--all` runs the one partition without a plan; `--again` runs a published one, and publishes nothing new."""
    everything = terminal.types("run", "--all")
    before = terminal.listed()
    again = terminal.types("run", "--partition", PUBLISHED, "--again")

    assert [0, 0] == [everything.exit_code, again.exit_code], everything.output + again.output
    assert "small_shop: 5 partitions, 4 of them done already\n  1/1  2026-03-07  published" in everything.stdout
    assert "small_shop: 1 partitions, 0 of them done already\n  1/1  2026-03-03  published" in again.stdout
    assert before == terminal.listed()


def test_a_run_that_breaks_is_one_sentence_and_exit_1(terminal, monkeypatch, tmp_path):
    """What is our fault is said in a sentence for each partition, and what was decided before stays."""
    before = terminal.listed()
    monkeypatch.setenv("ORDERS_MONITOR_PROMPTS", str(tmp_path / "nowhere"))
    ran = terminal.types("run", "--last", "1")

    assert 1 == ran.exit_code
    assert re.fullmatch(
        r"1 of 1 runs broke:\n  2026-03-07: \S*nowhere/orders_daily: there is no such folder[^\n]+\n", ran.stderr
    ), ran.stderr
    assert "1/1  2026-03-07  broken" in ran.stdout
    assert before == terminal.listed()


def test_status_counts_and_links(terminal):
    """`status` counts the last partitions, also those that were not run, and says where each waiting one is."""
    seen = terminal.types("status")

    assert 0 == seen.exit_code
    assert [
        "small_shop: 1 published, 2 waiting, 1 held, 1 not run",
        f"waits: {WAITING}  {terminal.next('review', 'show', WAITING)}",
        f"                   {UI}{WAITING}",
        f"waits: {ALSO_WAITING}  {terminal.next('review', 'show', ALSO_WAITING)}",
        f"                   {UI}{ALSO_WAITING}",
    ] == seen.stdout.splitlines()


def timeless(text: str) -> list[str]:
    """The lines of an output, its waiting times as they are on every machine."""
    return re.sub(r"waits \d+ (min|h)(, 6 d left)?", "waits T", text).splitlines()


def test_the_list_is_what_needs_a_person(terminal):
    """`review list` shows what waits, since when, for whom and what is wrong; what is published is not in it."""
    digests = {day: (row["digest"] or "-")[:12] for day, row in terminal.listed().items()}
    done = "publish the rows, read status from the landed column order_status"
    renamed = f"column 'status' came as 'order_status' (score 0.90); to do: {done}"
    seen = terminal.types("review", "list")

    assert [
        f"{WAITING}  awaiting   {digests[WAITING]}  waits T; for a person of shop",
        f"            {renamed}; waits for a decision on {digests[WAITING]}",
        f"            {terminal.next('review', 'show', WAITING)}",
        f"{HELD}  held       -             waits T",
        "            held: there is no file '2026-03-05.csv' (and 1 more)",
        f"{ALSO_WAITING}  awaiting   {digests[ALSO_WAITING]}  waits T; for a person of shop",
        f"            {renamed}; waits for a decision on {digests[ALSO_WAITING]}",
        f"            {terminal.next('review', 'show', ALSO_WAITING)}",
    ] == timeless(seen.stdout)


@pytest.mark.slow
def test_the_json_list_is_nothing_but_json(terminal):
    """The installed script's standard output is one JSON list whose objects have the promised keys."""
    seen = terminal.starts("review", "list", "--json")
    rows = json.loads(seen.stdout)

    assert (0, "") == (seen.returncode, seen.stderr)
    assert [(WAITING, "awaiting"), (HELD, "held"), (ALSO_WAITING, "awaiting")] == [
        (row["partition"], row["status"]) for row in rows
    ]
    assert [set(CaseSummary.model_fields)] * 3 == [set(row) for row in rows]
    assert [64, None, 64] == [row["digest"] and len(row["digest"]) for row in rows]


def test_an_empty_list_says_so(terminal, monkeypatch, tmp_path):
    """On an empty journal the list is a sentence, and as JSON an empty list."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "empty"))

    assert "nothing waits\n" == terminal.types("review", "list").stdout
    assert [] == json.loads(terminal.types("review", "list", "--json").stdout)


def test_show_prints_the_case_and_what_to_type(terminal):
    """`review show` has the whole digest, the plan, its evidence, rows, what approving does, and last what to type."""
    digest = terminal.listed()[WAITING]["digest"]
    seen = terminal.types("review", "show", WAITING)
    answer = [WAITING, "--digest", digest[:12]]
    cited = "drift:renamed:status, expectation:status_be_in_set, expectation:status_not_be_null"

    assert 0 == seen.exit_code
    assert f"digest {digest}\nwaits T; for a person of shop\n" in "\n".join(timeless(seen.stdout))
    assert f"  read status from the landed column order_status  [{cited}]\n" in seen.stdout
    assert "rows\n  40 landed = 40 to publish + 0 set aside + 0 duplicates\n  readers see no row now\n" in seen.stdout
    assert "  order_status (landed)  status (to publish)\n  aaaa                   aaaa\n" in seen.stdout
    assert f"approving\n  commits 40 rows of {WAITING} to small_shop as version 2 (the next one now)\n" in seen.stdout
    assert [
        f"approve: {terminal.next('review', 'approve', *answer, '--note', 'why')}",
        f"reject:  {terminal.next('review', 'reject', *answer, '--note', 'why')}",
        f"narrow:  {terminal.next('review', 'edit', *answer, '--set-aside')} 'COLUMN is_null'",
        f"hold:    {terminal.next('review', 'edit', *answer, '--hold', 'why')}",
    ] == seen.stdout.splitlines()[-4:]


def test_show_of_a_held_partition_says_there_is_nothing_to_decide(terminal):
    """A held partition has a plan and no digest, and no command to approve it is offered."""
    seen = terminal.types("review", "show", HELD)

    assert (0, False) == (seen.exit_code, "approve:" in seen.stdout)
    assert "digest none: there is nothing to decide\n" in seen.stdout


def test_approve_then_publish(terminal):
    """An approval by twelve characters of the digest is recorded, says what comes next, and opens the door once."""
    digest = terminal.listed()[WAITING]["digest"]
    approved = terminal.types(
        "review", "approve", WAITING, "--digest", digest[:12], "--reviewer", "ada", "--note", "ok"
    )
    published, again = terminal.types("publish", WAITING), terminal.types("publish", WAITING)

    assert [0, 0, 0] == [approved.exit_code, published.exit_code, again.exit_code], published.output
    assert [
        f"decision 2: approve small_shop {WAITING} {digest[:12]}",
        f"the `decisions` sensor publishes it; at once: {terminal.next('publish', WAITING)}",
    ] == approved.stdout.splitlines()
    assert f"small_shop {WAITING}: published as version 2\n" == published.stdout == again.stdout
    assert "published" == terminal.listed()[WAITING]["status"]
    assert "awaiting" == terminal.listed()[ALSO_WAITING]["status"]


def test_reject_closes_the_door(terminal):
    """A rejection is recorded with its note, and the publication of what was rejected is refused."""
    digest = terminal.listed()[WAITING]["digest"]
    rejected = terminal.types("review", "reject", WAITING, "--digest", digest, "--reviewer", "ada", "--note", "wait")
    published = terminal.types("publish", WAITING)

    assert (0, f"decision 2: reject small_shop {WAITING} {digest[:12]}\n") == (rejected.exit_code, rejected.stdout)
    assert (3, f"refused: small_shop {WAITING}: not published: rejected by ada: wait\n") == (
        published.exit_code,
        published.stderr,
    )


def test_a_second_decision_is_told_of_the_first(terminal):
    """What is decided stays decided: the second answer is exit 4, and says who and when."""
    digest = terminal.listed()[WAITING]["digest"]
    words = (WAITING, "--digest", digest, "--reviewer", "ada")
    first = terminal.types("review", "approve", *words)
    before = terminal.listed()
    second = terminal.types("review", "reject", *words, "--note", "no")

    assert (0, 4, "") == (first.exit_code, second.exit_code, second.stdout)
    said = (
        rf"decided already: small_shop {WAITING}: ada has approved it already at [-0-9]+ [:0-9]+ UTC \(decision 2\)\n"
    )
    assert re.fullmatch(said, second.stderr)
    assert before == terminal.listed()


def test_edit_narrows_and_export_labels(terminal):
    """A plan that is narrowed has a digest of its own, and what was approved of it is exported as edited, with why."""
    digest = terminal.listed()[WAITING]["digest"]
    edited = terminal.types(
        *("review", "edit", WAITING, "--digest", digest[:12], "--set-aside", "amount above 31", "--reviewer", "ada"),
        *("--note", "dear", "--json"),
    )
    now = json.loads(edited.stdout)
    approved = terminal.types("review", "approve", WAITING, "--digest", now["digest"], "--reviewer", "ada", "--json")
    stale = terminal.types("review", "approve", WAITING, "--digest", digest)
    lines = [json.loads(line) for line in terminal.types("cases", "export").stdout.splitlines()]
    said = ("partition", "label", "reviewer", "edit_reason", "landed_rows", "rows", "quarantined_rows")

    assert (0, digest, "awaiting") == (edited.exit_code, now["before"], now["status"])
    assert (0, "approved") == (approved.exit_code, json.loads(approved.stdout)["status"])
    assert (3, "") == (stale.exit_code, stale.stdout)
    assert [
        (PUBLISHED, "settled_by_policy", "policy", "", 40, 40, 0),
        (WAITING, "edited", "ada", "dear", 40, 38, 2),
    ] == [tuple(line[name] for name in said) for line in lines]
    assert "quarantine_rows" not in [action["kind"] for action in lines[1]["edited_from"]]
    assert lines == json.loads(terminal.types("cases", "export", "--json").stdout)
    assert "" == terminal.types("cases", "export", "--since", "2999-01-01").stdout


def test_a_hold_ends_what_waits(terminal):
    """What a reviewer holds waits no more, is told as held with the reason, and is a labelled case."""
    digest = terminal.listed()[WAITING]["digest"]
    held = terminal.types("review", "edit", WAITING, "--digest", digest, "--hold", "ask the shop", "--reviewer", "ada")
    last = json.loads(terminal.types("cases", "export").stdout.splitlines()[-1])

    assert (0, f"small_shop {WAITING}: held: ask the shop; {digest[:12]} is stale\n") == (held.exit_code, held.stdout)
    assert "held" == terminal.listed()[WAITING]["status"]
    assert ("held", "reject", "ada", None) == (last["label"], last["verdict"], last["reviewer"], last["decision"])


def test_a_digest_of_another_partition_is_refused(terminal):
    """The digest that waits for one partition decides nothing on another, and the sentence names both."""
    before = terminal.listed()
    mine, other = before[WAITING]["digest"][:12], before[ALSO_WAITING]["digest"][:12]
    seen = terminal.types("review", "approve", WAITING, "--digest", other)

    assert (3, "") == (seen.exit_code, seen.stdout)
    assert (
        f"refused: small_shop {WAITING}: {other} is what waits for {ALSO_WAITING}; for {WAITING} it is {mine}\n"
        == seen.stderr
    )
    assert before == terminal.listed()


SPAN = f"no such partition; there are {PUBLISHED} to {NOT_RUN}"
REFUSALS = {
    "run of an unknown partition": (("run", "--partition", "2020-01-01"), f"small_shop 2020-01-01: {SPAN}"),
    "run of no date": (("run", "--partition", "../../etc"), f"small_shop ../../etc: {SPAN}"),
    "show of an unknown partition": (("review", "show", "tomorrow"), f"small_shop tomorrow: {SPAN}"),
    "show before its run": (
        ("review", "show", NOT_RUN),
        f"small_shop {NOT_RUN}: there is no plan; run the partition first",
    ),
    "approve of an unknown partition": (
        ("review", "approve", "2020-01-01", "--digest", "0" * 12),
        f"small_shop 2020-01-01: {SPAN}",
    ),
    "approve before its run": (
        ("review", "approve", NOT_RUN, "--digest", "0" * 12),
        f"small_shop {NOT_RUN}: there is nothing to decide: there is no plan yet",
    ),
    "approve by a short digest": (
        ("review", "approve", WAITING, "--digest", "0" * 11),
        f"small_shop {WAITING}: name at least the first 12 characters of the digest, 11 are too few",
    ),
    "approve of what is held": (
        ("review", "approve", HELD, "--digest", "0" * 12),
        f"small_shop {HELD}: there is nothing to decide: held: there is no file '2026-03-05.csv'",
    ),
    "approve without a name": (
        ("review", "approve", WAITING, "--digest", "0" * 12, "--reviewer", " "),
        f"small_shop {WAITING}: a decision needs the name of its reviewer",
    ),
    "approve with a name of no letter": (
        ("review", "approve", WAITING, "--digest", "0" * 12, "--reviewer", ""),
        f"small_shop {WAITING}: a decision needs the name of its reviewer",
    ),
    "reject without a reason": (
        ("review", "reject", WAITING, "--digest", "0" * 12, "--reviewer", "ada"),
        f"small_shop {WAITING}: say why with --note: others act on it",
    ),
    "edit by another digest": (
        ("review", "edit", HELD, "--digest", "0" * 12, "--hold", "why"),
        f"small_shop {HELD}: there is nothing to edit: held: there is no file '2026-03-05.csv'",
    ),
    "edit by a short digest": (
        ("review", "edit", WAITING, "--digest", "0" * 11, "--hold", "why"),
        f"small_shop {WAITING}: name at least the first 12 characters of the digest, 11 are too few",
    ),
    "edit of an unknown partition": (
        ("review", "edit", "2020-01-01", "--digest", "0" * 12, "--hold", "why"),
        f"small_shop 2020-01-01: {SPAN}",
    ),
    "sign of what is held": (
        ("review", "sign", HELD, "--digest", "0" * 12, "--verdict", "approve"),
        f"small_shop {HELD}: there is nothing to sign: held: there is no file '2026-03-05.csv'",
    ),
    "publish of an unknown partition": (("publish", "2020-01-01"), f"small_shop 2020-01-01: {SPAN}"),
    "publish before its run": (("publish", NOT_RUN), f"small_shop {NOT_RUN}: not published: there is no plan yet"),
    "publish of what is held": (
        ("publish", HELD),
        f"small_shop {HELD}: not published: held: there is no file '2026-03-05.csv'",
    ),
}


@pytest.mark.parametrize(("words", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_is_one_sentence_exit_3_and_nothing_lost(terminal, words, sentence):
    """What is refused says why on standard error, exits with 3, and leaves the journal as it was."""
    before = terminal.listed()
    seen = terminal.types(*words)

    assert (3, "", f"refused: {sentence}\n") == (seen.exit_code, seen.stdout, seen.stderr)
    assert before == terminal.listed()


def test_what_waits_is_not_published(terminal):
    """`publish` of a partition without a decision is refused with the digest that it waits for."""
    digest = terminal.listed()[WAITING]["digest"]
    seen = terminal.types("publish", WAITING)

    assert (3, f"refused: small_shop {WAITING}: not published: waits for a decision on {digest[:12]}\n") == (
        seen.exit_code,
        seen.stderr,
    )


HOSTILE = "amount'; drop table"
USAGE = {
    "run of nothing": (("run",), "Error: say which partitions: --last N, --partition DAY or --all"),
    "run of the last none": (("run", "--last", "0"), "Error: Invalid value for '--last': 0 is not in the range x>=1."),
    "approve without a digest": (("review", "approve", WAITING), "Error: Missing option '--digest'."),
    "reject without a partition": (("review", "reject", "--digest", "0" * 12), "Error: Missing argument 'PARTITION'."),
    "edit to nothing": (
        ("review", "edit", WAITING, "--digest", "0" * 12),
        "Error: say either --hold WHY, or --set-aside ROWS (as often as needed)",
    ),
    "edit to a hold without a reason": (
        ("review", "edit", WAITING, "--digest", "0" * 12, "--hold", " "),
        "Error: --hold needs its reason",
    ),
    "edit to rows that nobody can name": (
        ("review", "edit", WAITING, "--digest", "0" * 12, "--set-aside", HOSTILE),
        f"Error: Invalid value for '--set-aside': {HOSTILE!r} names no rows; say a column and one of: {WORDS}",
    ),
    "sign without a verdict": (
        ("review", "sign", WAITING, "--digest", "0" * 12),
        "\treject",
    ),
    "export since no day": (
        ("cases", "export", "--since", "yesterday"),
        "Error: Invalid value for '--since': 'yesterday' does not match the format '%Y-%m-%d'.",
    ),
    "an unknown command": (("delete",), "Error: No such command 'delete'."),
    "an unknown table": (("--table", "nope", "status"), "Error: no table 'nope'; there are: small_shop"),
}


@pytest.mark.parametrize(("words", "sentence"), USAGE.values(), ids=USAGE.keys())
def test_a_wrong_command_is_exit_2(terminal, words, sentence):
    """A command that cannot be understood exits with 2, and the last line on standard error says why."""
    seen = terminal.types(*words)

    assert (2, "", sentence) == (seen.exit_code, seen.stdout, seen.stderr.splitlines()[-1])


def test_settings_that_make_no_sense_are_one_sentence(terminal, monkeypatch):
    """A wrong environment variable is our mistake: exit 1, and its name in the sentence."""
    monkeypatch.setenv("ORDERS_MONITOR_MODEL", "guess")
    seen = terminal.types("status")

    assert (1, "ORDERS_MONITOR_MODEL: 'guess' is neither stand-in nor release\n") == (seen.exit_code, seen.stderr)


def tree(command: click.Command, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and every one beneath it, with the words that are typed for it."""
    yield words, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from tree(each, *words, name)


def test_the_help_is_complete():
    """Every command and every option has a sentence of its own, and none is cut off at eighty columns."""
    found = dict(tree(commands))
    first = {words: (command.help or "").split("\n\n")[0] for words, command in found.items()}
    options = [(words, option) for words, command in found.items() for option in command.params]
    shown = {words: CliRunner().invoke(commands, [*words, "--help"], terminal_width=80).stdout for words in found}
    placeholders = r"\[ARGS\]\.\.\.|\[KIND\]\.\.\.|--digest \.\.\."

    assert {} == {words: said for words, said in first.items() if not re.fullmatch(r"[A-Z].*\.", said)}
    assert [] == [(words, o.name) for words, o in options if isinstance(o, click.Option) and not o.help]
    assert [] == [words for words, text in shown.items() if "..." in re.sub(placeholders, "", text)]


def test_what_a_refusal_quotes_moves_no_cursor(terminal):
    """A note full of control characters is kept as it is, and told on a terminal as what can be seen."""
    digest = terminal.listed()[WAITING]["digest"]
    terminal.types("review", "reject", WAITING, "--digest", digest, "--reviewer", "ada", "--note", "no\x1b[2J\nok")
    seen = terminal.types("publish", WAITING)

    assert (3, f"refused: small_shop {WAITING}: not published: rejected by ada: no\ufffd[2J\ufffdok\n") == (
        seen.exit_code,
        seen.stderr,
    )
