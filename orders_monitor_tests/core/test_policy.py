import math
import typing

import pytest

from orders_monitor.core.evidence import ORDER
from orders_monitor.core.plan import (
    AcceptChange,
    ActionKind,
    CastColumn,
    DropDuplicates,
    Hold,
    Plan,
    PlannedAction,
    PublishAsIs,
    QuarantineRows,
    RenameColumn,
    ScaleColumn,
)
from orders_monitor.core.policy import (
    CLASS_OF,
    STRICTNESS,
    ActionClass,
    Allowance,
    Policy,
    Route,
    Ruling,
    Settled,
    Used,
    decide,
)
from orders_monitor.core.predicate import IsNull


def plan(*actions, **kwargs):
    kwargs = {"origin": "agent"} | kwargs
    return Plan(table="t", partition="2026-03-02", landed_digest="a", release="1", actions=actions, **kwargs)


DEFAULT = Policy()


def ruled(*actions, quarantined_share=0.0, overwrites=False, policy=DEFAULT, **kwargs):
    return decide(plan(*actions, **kwargs), quarantined_share=quarantined_share, overwrites=overwrites, policy=policy)


@pytest.mark.parametrize(
    ("action", "route"),
    [
        (PublishAsIs(), "automatic"),
        (RenameColumn(column="a", to="b"), "human"),
        (CastColumn(column="a", type="INTEGER"), "human"),
        (ScaleColumn(column="a", divide_by=100), "human"),
        (QuarantineRows(where=IsNull(column="a")), "automatic"),
        (DropDuplicates(), "automatic"),
        (AcceptChange(column="a"), "automatic"),
        (Hold(why="nothing came"), "never"),
    ],
)
def test_by_default_what_can_be_taken_back_needs_nobody(action, route):
    """Reversible actions are automatic, those that change values are for a person, a hold is for nobody."""
    assert route == ruled(action).route


def test_every_kind_of_action_has_a_class():
    """Each kind of action is named once, each class is reached, and every route has its strictness."""
    union, _ = typing.get_args(PlannedAction)

    assert set(typing.get_args(ActionKind)) == set(CLASS_OF)
    assert {action.model_fields["kind"].default for action in typing.get_args(union)} == set(CLASS_OF)
    assert set(ORDER) == set(CLASS_OF) - {"restore_version"}
    assert set(typing.get_args(ActionClass)) == {c for c in CLASS_OF.values() if c} | {
        "publish_unexplained",
        "overwrite",
    }
    assert set(typing.get_args(Route)) == set(STRICTNESS)


def test_the_strictest_route_wins():
    """One action for a person makes the plan a person's; the reasons begin with it and name each class once."""
    assert Ruling(
        route="human", reasons=("rename_column: human", "publish_as_is: automatic", "quarantine_rows: automatic")
    ) == ruled(
        PublishAsIs(),
        QuarantineRows(where=IsNull(column="a")),
        QuarantineRows(where=IsNull(column="b")),
        RenameColumn(column="a", to="b"),
        quarantined_share=0.001,
    )


@pytest.mark.parametrize(
    ("kwargs", "ruling"),
    [
        ({}, Ruling(route="automatic", reasons=("publish_as_is: automatic",))),
        (
            {"unexplained": ("anomaly:rows",)},
            Ruling(route="human", reasons=("publish_unexplained (anomaly:rows): human", "publish_as_is: automatic")),
        ),
        ({"overwrites": True}, Ruling(route="human", reasons=("overwrite: human", "publish_as_is: automatic"))),
        (
            {"origin": "code"},
            Ruling(route="human", reasons=("the agent could not finish: human", "publish_as_is: automatic")),
        ),
        (
            {"origin": "doubted"},
            Ruling(
                route="human",
                reasons=(
                    "a claim of the agent or its evidence did not hold, or it had to finish early: human",
                    "publish_as_is: automatic",
                ),
            ),
        ),
    ],
)
def test_what_is_unexplained_or_replaces_is_for_a_person(kwargs, ruling):
    """A publication with open signals, over another one, or without the agent's end waits."""
    assert ruling == ruled(PublishAsIs(), **kwargs)


def test_what_the_candidate_still_fails_is_not_explained():
    """An explained warning that is there in the candidate as before waits, unless the table publishes unexplained."""
    ruled_on = {"quarantined_share": 0.0, "overwrites": False, "still_failing": ["key_is_unique"]}
    declared = Policy(routes={"publish_unexplained": "automatic"})
    why = "publish_unexplained (key_is_unique in the candidate): human"

    assert Ruling(route="human", reasons=(why, "drop_duplicates: automatic")) == decide(
        plan(DropDuplicates()), policy=DEFAULT, **ruled_on
    )
    assert "automatic" == decide(plan(DropDuplicates()), policy=declared, **ruled_on).route


@pytest.mark.parametrize(
    ("share", "route"),
    [(0.0, "automatic"), (0.01, "automatic"), (0.0101, "human"), (1.0, "human"), (math.nan, "human")],
)
def test_a_large_quarantine_is_for_a_person(share, route):
    """Up to the declared share rows are set aside automatically; a share that is no number is for a person."""
    assert route == ruled(QuarantineRows(where=IsNull(column="a")), quarantined_share=share).route


def test_a_declaration_overrides_the_table_and_no_more():
    """A class may be declared automatic or never; the rules about shares and origin stay."""
    policy = Policy(routes={"rename_column": "automatic", "drop_duplicates": "never"})
    rename = RenameColumn(column="a", to="b")

    assert ["automatic", "never", "human", "human"] == [
        ruled(rename, policy=policy).route,
        ruled(rename, DropDuplicates(), policy=policy).route,
        ruled(rename, policy=policy, quarantined_share=0.5).route,
        ruled(rename, policy=policy, origin="code").route,
    ]


def test_no_table_allows_a_hold():
    """A held plan publishes nothing, whatever is declared."""
    every_route = Policy(routes=dict.fromkeys(typing.get_args(ActionClass), "automatic"))

    assert Ruling(route="never", reasons=("held: nothing came",)) == ruled(Hold(why="nothing came"), policy=every_route)


@pytest.mark.parametrize("origin", ["doubted", "code"])
def test_no_table_makes_a_doubted_plan_automatic(origin):
    """Every class declared automatic, and a person still decides."""
    every_route = Policy(routes=dict.fromkeys(typing.get_args(ActionClass), "automatic"))

    assert "human" == ruled(PublishAsIs(), policy=every_route, origin=origin).route


def test_an_unknown_class_is_for_a_person():
    """What neither the declaration nor the defaults name is not automatic."""
    assert ("human", "human") == (Policy().route("overwrite"), Policy().route("publish_unexplained"))


@pytest.mark.parametrize(("environment", "route"), [("dev", "automatic"), ("staging", "human"), ("prod", "two_humans")])
def test_each_environment_has_its_route(environment, route):
    """One word for each environment; the one that is not named beside the others is for a person."""
    policy = Policy(routes={"scale_column": {"dev": "automatic", "prod": "two_humans"}, "rename_column": "never"})
    drawn = plan(ScaleColumn(column="a", divide_by=100))

    ruling = decide(drawn, quarantined_share=0, overwrites=False, policy=policy, environment=environment)
    assert Ruling(route=route, reasons=(f"scale_column: {route}",)) == ruling
    assert "never" == policy.route("rename_column", environment)


@pytest.mark.parametrize(
    ("fixes", "rows", "used", "why"),
    [
        (0, 0, Used(week_fixes=9, week_rows=999), None),
        (1, 5, Used(), None),
        (1, 5, Used(week_fixes=1, month_fixes=3, week_rows=5, month_rows=35), None),
        (1, 0, Used(week_fixes=2), "shop has used 2 of 2 fixes of this week, and this takes 1 more"),
        (1, 0, Used(month_fixes=4), "shop has used 4 of 4 fixes of this month, and this takes 1 more"),
        (1, 6, Used(week_rows=5), "shop has used 5 of 10 rows of this week, and this takes 6 more"),
        (1, 1_001, Used(month_rows=39), "shop has used 0 of 10 rows of this week, and this takes 1,001 more"),
        (1, 2, Used(month_rows=39), "shop has used 39 of 40 rows of this month, and this takes 2 more"),
    ],
)
def test_the_allowance_reaches_to_its_last_fix_and_row(fixes, rows, used, why):
    """In the week and in the month, in fixes and in rows; what mends nothing takes none of it."""
    allowance = Allowance(week_fixes=2, month_fixes=4, week_rows=10, month_rows=40)

    assert why == Settled(team="shop", allowance=allowance, fixes=fixes, rows=rows).why_not(used)
