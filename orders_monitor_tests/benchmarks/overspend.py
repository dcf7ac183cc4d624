"""Processes that share one cap, with lost replies and kill -9: nothing is overspent, and little of the cap is wasted.

Every process asks through the SDK and the till a server that writes down what it bills before it answers, or loses the
answer, or the process dies. The baseline asks the same server and looks at the bills before each request (perfectly
kept, which no peer does). Run: python -m orders_monitor_tests.benchmarks.overspend
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import click
import httpx2

from orders_monitor.adapters.claude.model import open_model
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.agent.model import Model, Request, UserText
from orders_monitor.core.budget import Account, Cap, Limits, RunScope
from orders_monitor.core.errors import BudgetExhausted, ModelUnavailable
from orders_monitor.core.price import Usage
from orders_monitor.core.release import Release
from orders_monitor_tests.cases import release

CAP = Cap(tokens=600_000, micro_usd=2_250_000)
LIMITS = Limits(run=CAP, pipeline_day=CAP, agent_month=CAP, team_month=CAP)
SHARE_MIN = 0.94
STEPS = 4
TRIES = 6
LOST, LIMITED, KILLED = 0.10, 0.15, 0.165  # of all requests: lost replies, then 429, then kill -9


class Bill(NamedTuple):
    """What was billed in all."""

    calls: int
    tokens: int
    micro_usd: int


class Server(httpx2.BaseTransport):
    """Bills every request in a file, then answers, loses its answer, or takes its caller's process with it."""

    def __init__(self, bills: Path, chance: random.Random) -> None:
        self.bills, self.chance = bills, chance

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        content = request.read()
        asked, fate = json.loads(content), self.chance.random()
        if LOST < fate < LIMITED:
            error = {"type": "error", "error": {"type": "rate_limit_error", "message": "no"}}
            return httpx2.Response(429, json=error, headers={"retry-after": "0"})
        prompt = len(content) // 3
        written = self.chance.randrange(prompt)
        output = asked["max_tokens"] if self.chance.random() < 0.3 else self.chance.randrange(asked["max_tokens"])
        usage = Usage(input_tokens=prompt - written, output_tokens=output, cache_write_5m_tokens=written)
        self.bill(usage)
        if fate < LOST:
            raise httpx2.ReadTimeout("billed, and the reply is lost")
        if fate < KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        return httpx2.Response(200, json=_message(asked["model"], usage))

    def bill(self, usage: Usage) -> None:
        """One line in one write: it is there whatever happens next."""
        line = f"{usage.tokens} {release().price.cost_of(usage)}\n"
        descriptor = os.open(self.bills, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def work(home: Path, seed: int) -> None:
    """One process: runs of a few steps, until nothing can be bought any more."""
    chance, exhausted, number = random.Random(seed), 0, 0  # noqa: S311 - a repeatable story, no secret
    with closing(Journal.open(f"sqlite:///{home}/journal.db")) as journal:
        while exhausted < TRIES:
            run = RunScope(run_id=f"{seed}-{number}", table="orders_daily", partition="2026-11-19", team="orders")
            model = open_model(
                _wide_release(),
                api_key="offline",
                transport=Server(home / "bills", chance),
                ledger=journal,
                run=run,
                limits=LIMITS,
                sleep=lambda _: None,
            )
            # Another process may settle for less than it held: ask again a little later, some times.
            exhausted = 0 if _converse(model, chance) else exhausted + 1
            time.sleep(0.05 if exhausted else 0)
            number += 1


def work_naively(home: Path, seed: int) -> None:
    """The same without reservations: look at the bills, and send if they are not at the cap yet."""
    import anthropic  # noqa: PLC0415 - 1.7 s, only for who asks the model

    server = Server(home / "bills", random.Random(seed))  # noqa: S311 - as above
    client = anthropic.Anthropic(api_key="offline", max_retries=2, http_client=httpx2.Client(transport=server))
    while (bill := _billed(home)).tokens < CAP.tokens and bill.micro_usd < CAP.micro_usd:
        try:
            client.messages.create(
                model=release().model, max_tokens=4_000, messages=[{"role": "user", "content": "x" * 9_000}]
            )
        except anthropic.APIError:
            continue


def measure(processes: int, worker: str) -> tuple[bool, str]:
    """One row of the table, and whether it holds the bar."""
    with tempfile.TemporaryDirectory(prefix="orders-monitor-overspend-") as folder:
        home, began = Path(folder), time.perf_counter()
        with closing(Journal.open(f"sqlite:///{home}/journal.db")) as journal:
            kills = _run(home, processes, worker)
            wall, bill = time.perf_counter() - began, _billed(home)
            run = Account(run_id="", table="orders_daily", team="orders", agent=release().agent, day=_today())
            balances = journal.balances(run, LIMITS)
        total = balances[0].total
        over = max(0, bill.tokens - CAP.tokens, total.held_tokens - CAP.tokens), max(0, bill.micro_usd - CAP.micro_usd)
        billed = max(bill.tokens / CAP.tokens, bill.micro_usd / CAP.micro_usd)
        used = max(total.held_tokens / CAP.tokens, total.held_micro_usd / CAP.micro_usd)
        sound = over == (0, 0) and bill.tokens <= total.held_tokens and bill.micro_usd <= total.held_micro_usd
        holds = sound and used >= SHARE_MIN and all(balance.agrees for balance in balances)
    name = f"ours, {processes}" if worker == "--work" else f"looking at the bills, {processes}"
    held = f"{used:>10.3f}" if worker == "--work" else f"{'':>10}"
    row = f"{name:<26}{bill.calls:>7}{kills:>7}{billed:>12.3f}{held}{over[0]:>12,}{over[1]:>12,}{wall:>8.1f}"
    return holds or worker != "--work", row


def main() -> int:
    """Print the table; 1 where a row of ours misses the bar."""
    click.echo(
        f"one cap: {CAP.tokens:,} tokens, {CAP.micro_usd:,} micro-USD; bar: nothing over, used at least {SHARE_MIN}"
    )
    click.echo(
        f"{'processes':<26}{'billed':>7}{'kills':>7}{'billed/cap':>12}{'held/cap':>10}{'over tok':>12}{'over µUSD':>12}"
        f"{'wall s':>8}"
    )
    held = True
    for processes, worker in ((1, "--work"), (4, "--work"), (8, "--work"), (1, "--naively"), (4, "--naively")):
        holds, row = measure(processes, worker)
        held = held and holds
        click.echo(row + ("" if holds else "  MISSED"))
    return 0 if held else 1


def _run(home: Path, processes: int, worker: str) -> int:
    """Start the processes, put another in the place of each that was killed, and count those."""
    kills, seed = 0, 0
    running: list[subprocess.Popen[bytes]] = []
    for _ in range(processes):
        seed += 1
        running.append(_start(home, worker, seed))
    while running:
        process = running.pop(0)
        code = process.wait()
        if code == -signal.SIGKILL:
            kills, seed = kills + 1, seed + 1
            running.append(_start(home, worker, seed))
        elif code != 0:
            raise SystemExit(f"a worker broke: {code}")
    return kills


def _start(home: Path, worker: str, seed: int) -> "subprocess.Popen[bytes]":
    module = "orders_monitor_tests.benchmarks.overspend"
    return subprocess.Popen([sys.executable, "-m", module, worker, str(home), str(seed)])


def _converse(model: Model, chance: random.Random) -> bool:
    """A run of a few steps and a last word; False where not even its first step could be paid."""
    step = 0
    try:
        for step in range(1, STEPS + 1):
            model.reply(_request(step, chance), step=step)
    except BudgetExhausted:
        if step > 1:
            _last_word(model, _request(step, chance, last_word="say it now"), step + 1)
        return step > 1
    except ModelUnavailable:
        pass
    finally:
        model.close()
    return True


def _last_word(model: Model, request: Request, step: int) -> None:
    with suppress(BudgetExhausted, ModelUnavailable):
        model.reply(request, step=step)


def _request(step: int, chance: random.Random, last_word: str | None = None) -> Request:
    words = UserText("x" * (2_000 * step + chance.randrange(2_000)))
    return Request(
        system="s",
        messages=(words,),
        tools=(),
        answer_schema={},
        output_tokens_max=4_000,
        last_word=last_word,
    )


def _wide_release() -> Release:
    """The release of this repository, its run's budget as wide as the cap; here nobody calls a tool."""
    own = release()
    guardrails = own.guardrails.model_copy(update={"finalisation_tokens": 6_000, "calls_per_turn_max": 1})
    budget = own.budget.model_copy(update={"run_tokens": CAP.tokens, "run_micro_usd": CAP.micro_usd})
    return own.model_copy(update={"guardrails": guardrails, "budget": budget})


def _message(model: str, usage: Usage) -> dict[str, object]:
    split = {"ephemeral_5m_input_tokens": usage.cache_write_5m_tokens, "ephemeral_1h_input_tokens": 0}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "{}"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_creation_input_tokens": usage.cache_write_5m_tokens,
            "cache_read_input_tokens": 0,
            "cache_creation": split,
        },
    }


def _billed(home: Path) -> Bill:
    path = home / "bills"
    lines = [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []
    return Bill(len(lines), sum(tokens for tokens, _ in lines), sum(micro_usd for _, micro_usd in lines))


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--naively"]:
        work_naively(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
