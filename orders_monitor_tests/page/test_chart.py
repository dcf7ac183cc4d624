"""Charts of a case: where the marks are, and what is said to who does not see them."""

from orders_monitor.core.casebook import MetricSeries, RowCounts
from orders_monitor.page.chart import Chart, Share, chart_of, shares


def series(*values: float, low: float = 10, high: float = 20) -> MetricSeries:
    points = tuple((f"2026-03-0{day}", value) for day, value in enumerate(values, start=1))
    return MetricSeries(metric="rows", points=points, low=low, high=high)


def test_a_chart_has_its_days_its_band_and_its_dot():
    """The last day is the dot, the band is what is usual, and one sentence says it all."""
    assert chart_of(series(10, 20, 30)) == Chart(
        metric="rows",
        first="2026-03-01",
        last="2026-03-03",
        line="6.0,90.0 160.0,48.0 314.0,6.0",
        band=(48.0, 42.0),
        dot=(314.0, 6.0),
        inside=False,
        sentence="30 on 2026-03-03, unusual: usual is 10 to 20; 3 days shown",
    )


def test_numbers_that_are_none_are_not_drawn():
    """Infinities and what is no number are left out; where nothing is left there is no chart."""
    infinite, undefined = float("inf"), float("nan")

    assert chart_of(series(infinite, undefined)) is None
    assert chart_of(series(undefined, 12, low=-infinite)) == Chart(
        metric="rows",
        first="2026-03-02",
        last="2026-03-02",
        line="6.0,90.0",
        band=(6.0, 84.0),
        dot=(160.0, 90.0),
        inside=True,
        sentence="12 on 2026-03-02, as usual: usual is -inf to 20; 1 day shown",
    )


def test_the_rows_are_shared_out():
    """The parts lie side by side; a few rows of many can still be seen, no rows cannot."""
    counts = RowCounts(landed=1_000_000, to_publish=999_999, set_aside=1, duplicates=0)

    assert shares(counts) == (
        Share(kind="kept", name="to publish", rows=999_999, x=0.0, width=318.0),
        Share(kind="aside", name="set aside", rows=1, x=318.0, width=2.0),
        Share(kind="twice", name="dropped as duplicates", rows=0, x=320.0, width=0.0),
    )
