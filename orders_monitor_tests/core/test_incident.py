"""What is one incident: the same causes, the same partition, the same level that goes on; and what is another one."""

from datetime import UTC, datetime, timedelta

from orders_monitor.core.incident import Incident, Note, Trouble, fold, follow

NIGHT = datetime(2026, 3, 4, 2, tzinfo=UTC)
RENAMED, FEWER = "drift:renamed:status", "anomaly:rows:below"


def trouble(about: str, *causes: str, kind: str = "case", table: str = "orders", **more) -> Trouble:
    return Trouble(table=table, kind=kind, about=about, causes=causes, at=f"{about[:10]}T02:00:00+00:00", **more)


class Nights:
    """A journal of notes, a night after the other."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def night(self, day: int, *troubles: Trouble) -> list[tuple[str, str]]:
        """What is noted that many days later: the kind, and the partition that it began with."""
        new = follow(fold(self.notes), troubles, now=NIGHT + timedelta(days=day))
        self.notes += new
        return [(note.kind, note.incident.split(":")[1]) for note in new]

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return fold(self.notes)


def test_a_partition_that_waits_is_one_incident():
    """It opens once, whatever becomes of its plan and its causes, and is settled when it waits no more."""
    nights, waits = Nights(), trouble("2026-03-04", RENAMED)
    assert [("opened", "2026-03-04")] == nights.night(0, waits)
    assert [] == nights.night(1, waits)
    assert [] == nights.night(2, trouble("2026-03-04", FEWER, kind="held"))
    assert [("settled", "2026-03-04")] == nights.night(3)
    assert [] == nights.night(4)


def test_the_same_change_over_several_nights_is_one():
    """Each night's partition joins the incident; after the first ones were decided it comes back, and is none new."""
    nights = Nights()
    assert [("opened", "2026-03-04")] == nights.night(0, trouble("2026-03-04", RENAMED))
    assert [("joined", "2026-03-04")] == nights.night(1, trouble("2026-03-04", RENAMED), trouble("2026-03-05", RENAMED))
    assert [("settled", "2026-03-04")] == nights.night(2)
    assert [("opened", "2026-03-04")] == nights.night(3, trouble("2026-03-07", RENAMED))

    (incident,) = nights.incidents
    assert (("2026-03-07",), ("2026-03-04", "2026-03-05", "2026-03-07"), 2) == (
        incident.members,
        incident.ever,
        incident.rounds,
    )


def test_a_new_level_is_one_incident():
    """An anomaly that goes on since a partition of the incident is that incident, however long ago it was settled."""
    nights = Nights()
    nights.night(0, trouble("2026-03-04", FEWER))
    nights.night(1)
    assert [("opened", "2026-03-04")] == nights.night(30, trouble("2026-04-03", FEWER, since=("2026-03-04",)))
    nights.night(31)
    assert [("opened", "2026-05-20")] == nights.night(77, trouble("2026-05-20", FEWER))


def test_partitions_with_equal_causes_are_one():
    """Ten partitions of a backfill with the same cause are one incident; one with another cause is another."""
    days = [f"2026-03-{day:02d}" for day in range(1, 11)]
    nights = Nights()
    noted = nights.night(0, *(trouble(day, RENAMED) for day in days), trouble("2026-03-11", FEWER))

    assert [("opened", "2026-03-01"), *[("joined", "2026-03-01")] * 9, ("opened", "2026-03-11")] == noted


def test_more_than_before_is_new():
    """A night with one more cause is a new incident; one with fewer is the old one going on."""
    nights = Nights()
    nights.night(0, trouble("2026-03-04", RENAMED))
    waiting = trouble("2026-03-04", RENAMED), trouble("2026-03-05", RENAMED, FEWER)
    assert [("opened", "2026-03-05")] == nights.night(1, *waiting)
    assert ("joined", "2026-03-05") in nights.night(2, *waiting, trouble("2026-03-06", FEWER))


def test_an_incident_that_nobody_ends_swallows_no_other():
    """A partition held for months is open, and the same cause much later is an incident of its own all the same."""
    nights, held = Nights(), trouble("2026-03-04", FEWER, kind="held")
    nights.night(0, held)
    assert [] == nights.night(60, held)
    assert [("opened", "2026-05-04")] == nights.night(61, held, trouble("2026-05-04", FEWER, kind="held"))


def test_what_is_ours_and_what_is_datas_are_two():
    """A run that failed and a partition that waits are two incidents, also on one day; nothing crosses tables."""
    nights = Nights()
    noted = nights.night(0, trouble("2026-03-04", RENAMED), trouble("2026-03-04", RENAMED, kind="failed"))
    assert [("opened", "2026-03-04")] * 2 == noted
    assert 2 == len(nights.incidents)


def test_without_a_cause_only_the_partition_counts():
    """What has no cause is like nothing else."""
    nights = Nights()
    noted = nights.night(0, trouble("2026-03-04"), trouble("2026-03-05"))
    assert [("opened", "2026-03-04"), ("opened", "2026-03-05")] == noted


def test_who_takes_care_does_so_until_it_is_over():
    """An acknowledgement holds while the incident is open, and is forgotten when it comes back."""
    nights = Nights()
    nights.night(0, trouble("2026-03-04", RENAMED))
    (key,) = {note.incident for note in nights.notes}
    nights.notes.append(Note(incident=key, kind="acknowledged", at=NIGHT.isoformat(), who="ada"))
    nights.night(1, trouble("2026-03-04", RENAMED), trouble("2026-03-05", RENAMED))
    assert ["ada"] == [each.acknowledged for each in nights.incidents]
    nights.night(2)
    nights.night(3, trouble("2026-03-07", RENAMED))
    assert [""] == [each.acknowledged for each in nights.incidents]


def test_equal_troubles_of_tables_have_a_group():
    """The same cause on two tables is one group, by which their messages are sent together; ours and data's are two."""
    one, other = trouble("2026-03-04", "x", kind="failed"), trouble("2026-03-05", "x", kind="failed", table="second")

    assert one.group == other.group
    assert 3 == len({one.group, trouble("2026-03-04", "x").group, trouble("2026-03-04").group})
