"""The review page as a browser's server: what is shown, what is recorded, and who is kept out."""

import html
import logging
import re
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from orders_monitor.adapters.signing import new_key
from orders_monitor.page.app import review_app
from orders_monitor.page.form import BYTES_MAX
from orders_monitor_tests.waiting import NOW, Shops

WAITS, HOSTILE, HELD, LATER = "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07"
AT = "http://127.0.0.1:3001"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
SCRIPT = "<script>alert('row')</script>"


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Shops:
    """A home with one case that waits, one held, and one full of markup."""
    shops = Shops(tmp_path_factory.mktemp("night"))
    shops.waits(WAITS)
    shops.waits(HELD, hold="there is no file")
    shops.waits(HOSTILE, status=SCRIPT, said="<img src=x onerror=alert(1)>", column='"><b>\N{RIGHT-TO-LEFT OVERRIDE}')
    return shops


@pytest.fixture
def shops(night, tmp_path) -> Shops:
    """The morning after that night, in a copy of its own."""
    return Shops(Path(shutil.copytree(night.home, tmp_path / "home")))


def client(shops: Shops, at: str = AT) -> TestClient:
    return TestClient(review_app(shops.room), base_url=at, follow_redirects=False)


def path(day: str) -> str:
    return f"/cases/small_shop/{day}"


def fields(text: str) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text)
    return {name: html.unescape(value) for name, value in found}


def said(text: str) -> str:
    """What a person reads of a page's main part."""
    main = text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", f"<{main}")).split())


def pressed(shops: Shops, day: str, **answer: str):
    """Open the case and press a button; `answer` is what was filled in."""
    browser = client(shops)
    form = fields(browser.get(path(day)).text)
    return browser.post(f"{path(day)}/decision", data={**form, "name": "bo", **answer})


def test_the_inbox_is_what_needs_a_person(shops):
    """Cases that wait come first, the one that ends first at the top; held ones beneath; all lead to their page."""
    shops.waits(LATER, deadline="2026-03-20T03:00:00+00:00")
    text = client(shops).get("/").text

    assert [path(LATER), path(WAITS), path(HOSTILE), path(HELD)] == re.findall(r'href="(/cases[^"]*)"', text)
    assert "3 cases wait for a decision" in said(text)
    assert "1 h 0 min left" in said(text)
    assert "1 h 30 min" in said(text)
    assert "1 held or failed" in said(text)


def test_an_empty_inbox_says_so(tmp_path):
    """With nothing to do the page says that, and when the next night is."""
    text = client(Shops(tmp_path)).get("/").text

    assert "Nothing waits for a decision" in said(text)
    assert "small_shop at 0 2 * * * UTC" in said(text)


def test_a_case_shows_what_a_person_needs(shops):
    """Verdict, evidence, plan, rows before and after, the deadline, and exactly which digest is decided on."""
    text = client(shops).get(path(WAITS)).text

    for part in (
        "3 rows have status lost",
        "the shop has a new status",
        "set aside the rows where status is none of paid, shipped, cancelled",
        "column 'channel' (VARCHAR) came and is not in the contract",
        "landed 40 to publish 37 set aside 3 dropped as duplicates 0 readers see now nothing",
        "22 h 30 min left",
        fields(text)["digest"][:12],
    ):
        assert part in said(text)
    assert re.findall(r'href="(http[^"]*)"', text)[0] == "http://127.0.0.1:3000"


def test_every_value_is_text(night):
    """What a row, a column or the agent says is shown letter by letter and is no markup, nor turns the line around."""
    for address in ("/", path(HOSTILE)):
        text = client(night).get(address).text

        assert html.escape(SCRIPT).replace("&#x27;", "&#39;") in text
        assert [] == re.findall(r"<script|<img|<b>.?\N{RIGHT-TO-LEFT OVERRIDE}|\N{RIGHT-TO-LEFT OVERRIDE}", text)


def test_approving_is_recorded_once_and_redirects(shops):
    """A button is answered by a redirect to what was recorded; Dagster's UI is told; the name is remembered."""
    answer = pressed(shops, WAITS, verdict="approve")
    seen = client(shops).get(answer.headers["location"])

    assert (303, f"{path(WAITS)}?decided=1") == (answer.status_code, answer.headers["location"])
    assert [("bo", "approve", "")] == shops.decisions(WAITS)
    assert ["approved"] == [gate.status for gate in shops.told]
    assert "Recorded: bo approved it (decision 1)." in said(seen.text)
    assert re.fullmatch(
        r"orders_monitor_reviewer=bo; HttpOnly; Max-Age=\d+; Path=/; SameSite=strict", answer.headers["set-cookie"]
    )


def test_rejecting_needs_a_reason(shops):
    """Without one nothing is recorded; with one it is kept, its lines too."""
    without = pressed(shops, WAITS, verdict="reject", note="  ")
    nothing = shops.decisions(WAITS)
    answer = pressed(shops, WAITS, verdict="reject", note="wait for the fix\r\nticket 4711")

    assert (422, []) == (without.status_code, nothing)
    assert "Nothing was recorded: to reject, say why." in said(without.text)
    assert (303, [("bo", "reject", "wait for the fix\nticket 4711")]) == (answer.status_code, shops.decisions(WAITS))
    assert "wait for the fix<br>ticket 4711" in client(shops).get(path(WAITS)).text


def test_nobody_decides_without_a_name(shops):
    """In development a name is typed; without one nothing is recorded and what was written stays in its field."""
    answer = pressed(shops, WAITS, verdict="approve", name="", note="my reason")

    assert (422, []) == (answer.status_code, shops.decisions(WAITS))
    assert "say who you are" in said(answer.text)
    assert "\nmy reason</textarea>" in answer.text


def test_a_stale_page_says_what_changed(shops):
    """When the case is another by now, nothing is recorded, and the page says how it differs and shows the new one."""
    browser = client(shops)
    form = fields(browser.get(path(WAITS)).text)
    now = shops.waits(WAITS, odd=5)
    answer = browser.post(f"{path(WAITS)}/decision", data={**form, "name": "bo", "verdict": "approve", "note": "fine"})

    assert (409, []) == (answer.status_code, shops.decisions(WAITS))
    assert "the case changed after you opened it" in said(answer.text)
    assert "rows to publish: 37, now 35" in said(answer.text)
    assert "the plan: the same actions, for other bytes or on other evidence" in said(answer.text)
    assert now == fields(answer.text)["digest"]
    assert "\nfine</textarea>" in answer.text


def test_the_second_is_told_who_was_first(shops):
    """A decision stands: whoever comes after is told who decided what and when, and that theirs was not recorded."""
    browser = client(shops)
    form = {**fields(browser.get(path(WAITS)).text), "name": "bo", "note": "no"}
    first = browser.post(f"{path(WAITS)}/decision", data={**form, "verdict": "approve", "name": "ada", "note": ""})
    second = browser.post(f"{path(WAITS)}/decision", data={**form, "verdict": "reject"})

    assert (303, 409) == (first.status_code, second.status_code)
    assert [("ada", "approve", "")] == shops.decisions(WAITS)
    assert f"ada approved it on {NOW:%Y-%m-%d %H:%M} UTC" in said(second.text)
    assert "Your rejection was not recorded." in said(second.text)


def test_after_the_deadline_nobody_approves(shops):
    """The time is over: it is rejected by the clock, and the person is told so."""
    shops.waits(LATER, deadline="2026-03-20T01:59:00+00:00")
    answer = pressed(shops, LATER, verdict="approve")

    assert (409, ["expiry"]) == (answer.status_code, [who for who, _, _ in shops.decisions(LATER)])
    assert "nobody decided in time, so it was rejected" in said(answer.text)


def test_two_people_are_asked_for_one_after_the_other(shops):
    """Where two people decide, the first approval waits for another person's, and the same one again is refused."""
    shops.waits(LATER, route="two_humans")
    first = pressed(shops, LATER, verdict="approve", name="ada")
    seen = client(shops).get(first.headers["location"])
    again = pressed(shops, LATER, verdict="approve", name="ada")
    second = pressed(shops, LATER, verdict="approve", name="bo")

    assert [303, 303] == [first.status_code, second.status_code]
    assert again.status_code in (403, 409)
    assert "It waits for a second person." in said(seen.text)
    assert ["ada", "bo"] == [who for who, _, _ in shops.decisions(LATER)]


def test_a_form_that_was_not_shown_is_refused(shops):
    """A form counts with the token of what this page showed to this person, and with nothing else."""
    browser = client(shops)
    form = {**fields(browser.get(path(WAITS)).text), "name": "bo", "verdict": "approve"}
    others = ({"token": ""}, {"token": "0" * 64}, {"digest": "0" * 64}, {"digest": ""}, {"seen": "{}"})
    answers = [browser.post(f"{path(WAITS)}/decision", data={**form, **other}) for other in others]

    assert ([403] * len(others), []) == ([answer.status_code for answer in answers], shops.decisions(WAITS))


def test_a_token_is_one_persons_for_one_case(shops):
    """The form of one case, or that was shown to somebody else, decides nothing on another or by another name."""
    browser = client(shops)
    browser.cookies.set("orders_monitor_reviewer", "bo")
    form = {**fields(browser.get(path(WAITS)).text), "name": "bo", "verdict": "approve"}
    elsewhere = browser.post(f"{path(HOSTILE)}/decision", data=form)
    browser.cookies.clear()
    browser.cookies.set("orders_monitor_reviewer", "ada")
    other = browser.post(f"{path(WAITS)}/decision", data=form)

    assert [403, 403] == [elsewhere.status_code, other.status_code]
    assert [[], []] == [shops.decisions(day) for day in (WAITS, HOSTILE)]


ELSEWHERE: tuple[tuple[int, dict[str, str]], ...] = (
    (403, {"origin": "https://elsewhere.example"}),
    (403, {"origin": "null"}),
    (403, {"origin": "http://["}),
    (403, {"sec-fetch-site": "cross-site"}),
    (403, {"sec-fetch-site": "same-site", "origin": AT}),
    (421, {"host": "elsewhere.example"}),
    (415, {"content-type": "application/json"}),
    (415, {"content-type": "text/plain"}),
)


def test_other_sites_press_no_button(shops):
    """What changes something comes from a page of ours, by its origin, and names our host; then it counts."""
    browser = client(shops)
    form = {**fields(browser.get(path(WAITS)).text), "name": "bo", "verdict": "approve"}
    found = [browser.post(f"{path(WAITS)}/decision", data=form, headers=headers) for _, headers in ELSEWHERE]
    nothing = shops.decisions(WAITS)
    ours = {"host": "localhost:3001", "origin": "http://localhost:3001", "sec-fetch-site": "same-origin"}
    answer = browser.post(f"{path(WAITS)}/decision", data=form, headers=ours)

    assert ([status for status, _ in ELSEWHERE], []) == ([each.status_code for each in found], nothing)
    assert (303, 1) == (answer.status_code, len(shops.decisions(WAITS)))


def test_only_our_own_host_names_are_answered(tmp_path):
    """A name that somebody made point to this machine is not answered, the review address' own is."""
    browser = client(Shops(tmp_path, environ={"ORDERS_MONITOR_REVIEW_URL": "https://review.example"}))
    hosts = {"127.0.0.1:3001": 200, "[::1]:3001": 200, "review.example:80": 200, "evil.example": 421, "[": 421}

    assert hosts == {host: browser.get("/style.css", headers={"host": host}).status_code for host in hosts}


def test_bodies_have_a_limit(night):
    """A huge body, a form of many fields, one that says a thing twice or is not text are refused in a sentence."""
    browser, at = client(night), f"{path(WAITS)}/decision"
    form = {"content-type": "application/x-www-form-urlencoded"}
    bodies = [b"note=" + b"a" * BYTES_MAX, b"a=1&" * 100, b"digest=1&digest=2", b"note=%ff", b"\xff"]
    answers = [browser.post(at, content=body, headers=form) for body in bodies]

    assert [413, 400, 400, 400, 400] == [answer.status_code for answer in answers]
    assert all("Nothing was recorded" in said(answer.text) for answer in answers)


def test_what_there_is_not_is_a_sentence(night):
    """An unknown table, partition or address is a page that says so, and quotes nothing."""
    browser = client(night)
    unknown = ("small_shop/2026-02-30", "small_shop/2027-01-01", "no_such/2026-03-04")
    answers = [browser.get(address) for address in (*(f"/cases/{case}" for case in unknown), "/nowhere")]
    no_case = "Not found No declared table has a partition of that name whose day is over. To the inbox"

    assert [(404, no_case)] * 3 + [(404, "Not found There is no such page. To the inbox")] == [
        (answer.status_code, said(answer.text)) for answer in answers
    ]


def test_a_partition_that_was_not_run_is_a_sentence(night):
    """A day of which nothing is known has no case yet."""
    answer = client(night).get(path(LATER))

    assert 404 == answer.status_code
    assert "there is no plan; run the partition first" in said(answer.text)


def test_every_answer_forbids_scripts_and_storing(night):
    """Whatever the answer, the browser is told to run nothing, fetch nothing and keep nothing."""
    browser = client(night)
    answers = [
        browser.get("/"),
        browser.get("/style.css"),
        browser.get("/nowhere"),
        browser.get("/", headers={"host": "elsewhere.example"}),
        browser.post(f"{path(WAITS)}/decision", data={"x": ""}),
        browser.put("/"),
    ]

    assert [200, 200, 404, 421, 403, 405] == [answer.status_code for answer in answers]
    assert {(POLICY, "nosniff", "same-origin", "no-store")} == {
        tuple(
            answer.headers[name]
            for name in ("content-security-policy", "x-content-type-options", "referrer-policy", "cache-control")
        )
        for answer in answers
    }


def test_head_is_the_page_without_its_body(night):
    """HEAD answers as GET does, with no body; another method is refused and told which there are."""
    browser = client(night)
    head, deleted = browser.head(path(WAITS)), browser.delete(path(WAITS))

    assert (200, b"") == (head.status_code, head.content)
    assert (405, {"GET", "HEAD"}) == (deleted.status_code, set(deleted.headers["allow"].split(", ")))
    assert "This address is not used like that." in said(deleted.text)


def test_the_log_holds_no_value(shops, caplog):
    """A line has method, place, status and time: no query, no key, nothing of an address that is not ours."""
    caplog.set_level(logging.INFO, logger="orders_monitor.page")
    browser = client(shops)
    browser.get(f"{path(WAITS)}?key=secret")
    browser.get("/cases/small_shop/secret")
    browser.get("/secret")
    pressed(shops, WAITS, verdict="reject", note="secret")
    lines = [re.sub(r" \d+ ms$", "", line) for line in caplog.messages]

    assert [
        f"GET {path(WAITS)} 200",
        "GET /cases/{table}/{partition} 404",
        "GET elsewhere 404",
        f"GET {path(WAITS)} 200",
        f"POST {path(WAITS)}/decision 303",
    ] == lines


def test_somebody_else_sits_down(night):
    """The remembered name is shown, and forgotten on request."""
    browser = client(night)
    browser.cookies.set("orders_monitor_reviewer", "bo%20b")
    before = browser.get("/").text
    answer = browser.post("/somebody-else", data={"x": ""})

    assert "You are <b>bo b</b>" in before
    assert (303, "Max-Age=0") == (answer.status_code, answer.headers["set-cookie"].split("; ")[2])


def test_outside_development_it_only_shows_without_a_proxy(shops):
    """In another environment nobody's typed name decides: the page shows, and says what to type instead."""
    live = Shops(shops.home, environ={"ORDERS_MONITOR_ENVIRONMENT": "prod"})
    live.waits(LATER)
    browser = client(live)
    browser.cookies.set("orders_monitor_reviewer", "bo")
    text = browser.get(path(LATER)).text
    answer = browser.post(f"{path(LATER)}/decision", data={**fields(text), "name": "bo", "verdict": "approve"})

    assert "<form" not in text
    assert f"orders-monitor review approve {LATER} --digest" in said(text)
    assert (403, []) == (answer.status_code, live.decisions(LATER))


def test_the_proxy_says_who_decides_and_the_page_vouches(shops, tmp_path):
    """Behind a proxy its header is the name, signed with the page's key; no header, two of them or a stranger: none."""
    private, public = new_key()
    (tmp_path / "page.key").write_text(private)
    (tmp_path / "page.key").chmod(0o600)
    (tmp_path / "reviewers.yaml").write_text(f"page_key: {public}\nreviewers: [{{name: ada}}]\n")
    environ = {
        "ORDERS_MONITOR_ENVIRONMENT": "prod",
        "ORDERS_MONITOR_PROXY_HEADER": "X-Remote-User",
        "ORDERS_MONITOR_PAGE_KEY_FILE": str(tmp_path / "page.key"),
        "ORDERS_MONITOR_REVIEWERS": str(tmp_path / "reviewers.yaml"),
    }
    live = Shops(shops.home, environ=environ)
    live.waits(LATER)
    browser = client(live)

    def press(*names: str) -> int:
        headers = [("X-Remote-User", name) for name in names]
        form = fields(browser.get(path(LATER), headers=headers).text)
        sent = {**form, "verdict": "approve", "name": "ada"} if form else {"verdict": "approve"}
        return browser.post(f"{path(LATER)}/decision", data=sent, headers=headers).status_code

    assert [403, 403, 403, 303] == [press(), press("ada", "bo"), press("mallory"), press("ada")]
    assert [("ada", "approve", "")] == live.decisions(LATER)


def test_a_name_that_the_page_cannot_vouch_for_only_looks(tmp_path):
    """Without a key of its own the page cannot prove what the proxy says: it only shows."""
    environ = {"ORDERS_MONITOR_ENVIRONMENT": "prod", "ORDERS_MONITOR_PROXY_HEADER": "X-Remote-User"}
    text = client(Shops(tmp_path, environ=environ)).get("/", headers={"X-Remote-User": "ada"}).text

    assert "Read only" in text


@pytest.mark.slow
def test_a_narrowed_plan_is_another_case(shops):
    """Other rows are set aside: another digest waits, nothing is approved, and a hold leaves nothing to approve."""
    browser = client(shops)
    before = fields(browser.get(path(WAITS)).text)
    form = {**before, "name": "bo", "why": "fewer", "instead": "set_aside", "column0": "order_id", "word0": "below"}
    without = browser.post(f"{path(WAITS)}/plan", data=form)
    answer = browser.post(f"{path(WAITS)}/plan", data={**form, "value0": "4"})
    seen = browser.get(answer.headers["location"])
    late = browser.post(f"{path(WAITS)}/plan", data={**form, "value0": "5"})
    held = browser.post(
        f"{path(WAITS)}/plan", data={**fields(seen.text), "name": "bo", "why": "wait", "instead": "hold"}
    )

    assert (422, 303, 303) == (without.status_code, answer.status_code, held.status_code)
    assert "Nothing was changed: order_id: is below takes a value." in said(without.text)
    assert "this is the plan as bo changed it. Nothing is approved yet" in said(seen.text)
    assert "to publish 36 set aside 4" in said(seen.text)
    assert 409 == late.status_code
    assert "It is held: nothing of it is published." in said(browser.get(held.headers["location"]).text)
