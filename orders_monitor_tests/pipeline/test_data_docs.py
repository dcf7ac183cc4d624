"""What a failed expectation shows: one line on its check, and a link to the page of all results."""

from pathlib import Path

from orders_monitor.pipeline import metadata
from orders_monitor_tests.small_shop import DAY, csv_of, failure_of, rows_of

# The checks of a night that are about no expectation.
OTHERS = ("budget", "human_review")


def test_a_failed_check_says_it_in_one_line_and_links_the_page(shop):
    """What, how many, where and a masked sample are its description; the page says more, and no value either."""
    rows = rows_of(DAY)
    for row in rows[:30]:
        row[1], row[3] = "shiped", "ann.lee at mail"
    shop.arrives(DAY, csv_of(rows))

    result = shop.night(DAY)

    assert result.success, failure_of(result)
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    links = {checks[name].metadata[metadata.DATA_DOCS].value for name in checks if name not in OTHERS}
    (page,) = (Path(str(link)) for link in links)
    html = page.read_text()
    held = " (landed bytes; the plan holds them)"
    assert "status_be_in_set of status: 30 of 40 rows (75.00%), such as shaaad" + held == (
        checks["status_be_in_set"].description
    )
    assert "email_match_regex of email: 30 of 40 rows (75.00%), such as ana.aaa aa aaal" + held == (
        checks["email_match_regex"].description
    )
    assert shop.settings.docs_root / "small_shop" / DAY == page.parent
    assert {page.parent, page.parent.parent / "read_ahead.json"} == set(page.parent.parent.iterdir())
    assert f"<h1>small_shop {DAY}</h1>" in html
    assert (True, False, False) == ("shaaad" in html, "shiped" in html, "ann.lee" in html)
