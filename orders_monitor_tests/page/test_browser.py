"""The review page in a real Chromium: buttons, races, hostile rows, the keyboard, and no JavaScript."""

import os
import shutil
import socket
import threading

import pytest
import uvicorn
from playwright.sync_api import Page, sync_playwright

from orders_monitor.page.app import review_app
from orders_monitor_tests.waiting import Shops

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium, chromium-browser or google-chrome is on this machine's path"
)
APPROVED, REJECTED, STALE, RACED, HOSTILE, TYPED, WIDE = (f"2026-03-0{day}" for day in range(2, 9))
SCRIPT = "<script>alert('{}')</script><img src='http://127.0.0.1:9/x' onerror='alert(1)'>"


@pytest.fixture(scope="module")
def shops(tmp_path_factory) -> Shops:
    """A home with a case for each test."""
    shops = Shops(tmp_path_factory.mktemp("home"))
    for day in (APPROVED, REJECTED, STALE, RACED, TYPED):
        shops.waits(day)
    shops.waits(HOSTILE, status=SCRIPT.format("row"), said=SCRIPT.format("agent"), column=SCRIPT.format("column"))
    shops.waits(WIDE, status="x" * 3_000, said="y" * 3_000, column="z" * 300)
    return shops


@pytest.fixture(scope="module")
def served(shops):
    """The address of the page, served to this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listens:
        server = uvicorn.Server(uvicorn.Config(review_app(shops.room), log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listens]})
        thread.start()
        yield f"http://127.0.0.1:{listens.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def chromium():
    """The machine's own browser; as root it has no sandbox."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=[*sandbox, "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def person(chromium, served):
    """Opens browsers of one person each, with what went wrong in them: dialogs, complaints, requests elsewhere."""
    opened, wrong = [], []

    def open_browser(**options) -> Page:
        context = chromium.new_context(base_url=served, **options)
        context.set_default_timeout(10_000)
        context.on("request", lambda request: None if request.url.startswith(served) else wrong.append(request.url))
        context.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        context.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        opened.append(context)
        return context.new_page()

    yield open_browser
    for context in opened:
        context.close()
    # A status of 409 is what is tested, and the browser complains of it.
    assert [] == [each for each in wrong if "the server responded with a status of 4" not in each]


def case(day: str) -> str:
    return f"/cases/small_shop/{day}"


def main_of(page: Page) -> str:
    return " ".join(page.locator("main").inner_text().split())


def answers(page: Page, name: str, verdict: str, note: str = "") -> None:
    """Fill in and press."""
    page.locator("#decision-name").fill(name)
    page.get_by_label("Reason").fill(note)
    page.get_by_role("button", name=verdict).click()


def test_approve_and_narrow_screens(person, shops):
    """A case is opened from the inbox and approved; on a phone and on a desk, light and dark, nothing is cut off."""
    page = person(viewport={"width": 400, "height": 800}, color_scheme="dark")
    page.goto("/")
    narrow = [page.evaluate("document.documentElement.scrollWidth")]
    page.get_by_role("link", name=APPROVED).click()
    for address in (case(WIDE), case(HOSTILE), case(APPROVED)):
        page.goto(address)
        narrow.append(page.evaluate("document.documentElement.scrollWidth"))
    page.set_viewport_size({"width": 1400, "height": 900})
    wide = page.evaluate("document.documentElement.scrollWidth")
    answers(page, "bo", "Approve")

    assert ([400] * 4, 1400) == (narrow, wide)
    assert f"{case(APPROVED)}?decided=1" in page.url
    assert "Recorded: bo approved it" in main_of(page)
    assert "You are bo" in page.locator("header").inner_text()
    assert [("bo", "approve", "")] == shops.decisions(APPROVED)


def test_without_javascript_a_rejection_needs_a_reason(person, shops):
    """The browser itself asks for the reason before anything is sent; with one it is kept. No script is needed."""
    page = person(java_script_enabled=False)
    page.goto(case(REJECTED))
    answers(page, "bo", "Reject")
    nothing = (page.url.endswith(REJECTED), shops.decisions(REJECTED))
    answers(page, "bo", "Reject", "wait for the fix")

    assert (True, []) == nothing
    assert "Recorded: bo rejected it" in main_of(page)
    assert [("bo", "reject", "wait for the fix")] == shops.decisions(REJECTED)


def test_a_stale_page_records_nothing(person, shops):
    """The case changes while it is read: the press records nothing, says what changed, and keeps the reason."""
    page = person()
    page.goto(case(STALE))
    shops.waits(STALE, odd=5)
    answers(page, "bo", "Approve", "looks fine")
    told, kept, nothing = main_of(page), page.get_by_label("Reason").input_value(), shops.decisions(STALE)
    answers(page, "bo", "Approve", "looks fine, again")

    assert "the case changed after you opened it" in told
    assert "rows to publish: 37, now 35" in told
    assert ("looks fine", []) == (kept, nothing)
    assert [("bo", "approve", "looks fine, again")] == shops.decisions(STALE)


def test_two_tabs_race(person, shops):
    """The case is open in two tabs and a button is pressed in both: one decision stands, the other is told whose."""
    ada = person()
    bo = ada.context.new_page()
    for page in (ada, bo):
        page.goto(case(RACED))
    answers(ada, "ada", "Approve")
    answers(bo, "bo", "Reject", "no")

    assert "Decided already small_shop 2026-03-05: ada approved it on" in main_of(bo)
    assert "Your rejection was not recorded." in main_of(bo)
    assert [("ada", "approve", "")] == shops.decisions(RACED)


def test_hostile_values_stay_text(person, shops):
    """Rows, columns, the agent and a note full of scripts run none, fetch nothing, and are read letter by letter."""
    page = person()
    page.goto(case(HOSTILE))
    shown = main_of(page)
    answers(page, "bo", "Approve", SCRIPT.format("note"))
    noted = main_of(page)
    page.goto("/")

    assert all(f"<script>alert('{where}')</script>" in shown for where in ("row", "agent", "column"))
    assert "<script>alert('note')</script>" in noted
    assert 0 == page.locator("main script, main img").count()


def test_the_keyboard_is_enough(person, shops):
    """From the inbox to a decision by Tab and Enter; the focus is seen, and Enter in the name's field sends nothing."""
    page = person()
    page.goto("/")

    def tab_to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.locator(selector).evaluate("each => each === document.activeElement"):
                return
        pytest.fail(f"no number of tabs reaches {selector}")

    page.keyboard.press("Tab")
    skips = page.evaluate("document.activeElement.textContent")
    tab_to(f"a[href='{case(TYPED)}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{case(TYPED)}")
    tab_to("#decision-name")
    page.keyboard.type("bo")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("typed")
    tab_to("button.approve")
    outline = page.locator("button.approve").evaluate("each => getComputedStyle(each).outlineStyle")
    nothing = shops.decisions(TYPED)
    page.keyboard.press("Enter")
    page.wait_for_url("**?decided=*")

    assert ("Skip to the content", "solid", []) == (skips, outline, nothing)
    assert [("bo", "approve", "typed")] == shops.decisions(TYPED)
