"""Who decides through which door, and what is refused before anything is asked."""

import getpass
from datetime import UTC, datetime

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from orders_monitor.adapters import signing
from orders_monitor.cli.main import commands
from orders_monitor.core.errors import ReviewRefused, SigningRefused
from orders_monitor.core.people import Reviewer
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import QUIET
from orders_monitor.pipeline.signing_in import identity_of, proxied, signed_already
from orders_monitor_tests.deciders import DAY, Room, decides, waits
from orders_monitor_tests.small_shop import Shop, failure_of


@pytest.fixture
def room(tmp_path) -> Room:
    """Production, with ada, and her key and the page's in files."""
    room = Room(tmp_path)
    room.hires(Reviewer(name="ada"))
    signing.write_key(room.keys["ada"], tmp_path / "ada.key")
    signing.write_key(room.page_key, tmp_path / "page.key")
    return room


def test_a_key_says_whose_it_is(room, tmp_path):
    """With a key no name needs to be typed, and the decision is on record with a signature that counts."""
    room.variables = {"ORDERS_MONITOR_KEY_FILE": str(tmp_path / "ada.key")}
    with room.desk() as desk:
        waits(desk)
        decision = decides(desk, identity_of(desk.settings, None, source="cli"))

        assert ("ada", "cli", "approved") == (decision.reviewer, decision.source, desk.gate(DAY).status)
        assert room.keys["ada"] not in repr(decision) + repr(desk.settings)


def test_a_bare_name_is_refused_outside_dev(room):
    """One sentence says which variable to set; in dev the name is enough, and the login where there is none."""
    with pytest.raises(SigningRefused) as refused:
        identity_of(room.settings, "ada", source="cli")
    room.environment = "dev"

    said = "the bare name 'ada' decides nothing in prod: it needs a key, set ORDERS_MONITOR_KEY_FILE"
    assert said == str(refused.value)
    assert (getpass.getuser(), None) == (
        identity_of(room.settings, None, source="cli").name,
        identity_of(room.settings, "ada", source="cli").sign,
    )


def test_a_key_that_nobody_has_is_refused(room, tmp_path):
    """A key that is not in the file says nobody's name."""
    private, _ = signing.new_key()
    signing.write_key(private, tmp_path / "other.key")
    room.variables = {"ORDERS_MONITOR_KEY_FILE": str(tmp_path / "other.key")}
    with pytest.raises(SigningRefused, match=r"the key in other.key is none of reviewers.yaml: say --reviewer"):
        identity_of(room.settings, None, source="cli")


def test_the_page_vouches_for_whom_the_proxy_names(room, tmp_path):
    """The page's key signs for ada, who is in the file, and for nobody who is not."""
    room.variables = {
        "ORDERS_MONITOR_PROXY_HEADER": "X-Forwarded-User",
        "ORDERS_MONITOR_PAGE_KEY_FILE": str(tmp_path / "page.key"),
    }
    with room.desk() as desk:
        waits(desk)
        with pytest.raises(ReviewRefused, match="zoe is not in the reviewers file"):
            decides(desk, proxied(desk.settings, "zoe"))
        decides(desk, proxied(desk.settings, "ada"))

        assert ("approved", "proxy") == (desk.gate(DAY).status, desk.case(DAY).decisions[0].source)


@pytest.mark.parametrize(
    ("variables", "why"),
    [({}, "set ORDERS_MONITOR_PROXY_HEADER"), ({"ORDERS_MONITOR_PROXY_HEADER": "X-User"}, "PAGE_KEY_FILE")],
)
def test_a_page_without_a_proxy_or_a_key_vouches_for_nobody(room, variables, why):
    """Any visitor can write a header: without both, there is no name to believe."""
    room.variables = variables
    with pytest.raises(SigningRefused, match=why):
        proxied(room.settings, "ada")


def test_a_signature_made_elsewhere_is_for_that_decision(room):
    """What `review sign` printed is pasted: for this verdict it counts, for the other it is refused."""
    with room.desk() as desk:
        waits(desk)
        made = []

        def keeps(text: str) -> str:
            made.append(signing.sign(room.keys["ada"], text))
            raise SigningRefused(why="only asked for the text")

        with pytest.raises(SigningRefused):
            decides(desk, type(room.identity("ada"))("ada", "cli", keeps))
        by = signed_already(desk.settings, "ada", f" {made[0]}\n", source="launchpad:run")
        with pytest.raises(ReviewRefused, match="the signature is not one of ada on this decision"):
            decides(desk, by, "reject")
        decides(desk, by)

        assert "approved" == desk.gate(DAY).status
    with pytest.raises(SigningRefused, match="decides nothing in prod"):
        signed_already(room.settings, "ada", "  ", source="launchpad:run")


def test_the_launchpad_takes_what_review_sign_prints(shop, tmp_path, monkeypatch):
    """Outside dev the job refuses a bare name in one sentence, and records the decision that its reviewer signed."""
    room = Room(shop.settings.home, now=datetime.now(UTC))  # as the run's own clock
    room.hires(Reviewer(name="ada"))
    signing.write_key(room.keys["ada"], tmp_path / "ada.key")
    for name, value in (("ENVIRONMENT", "prod"), ("REVIEWERS", str(room.reviewers_file))):
        monkeypatch.setenv(f"ORDERS_MONITOR_{name}", value)
    with room.desk() as desk:
        digest = waits(desk).digest or ""
    answer = {"digest": digest, "decision": "approve", "reviewer": "ada", "note": "looked"}
    bare = decided_in_the_launchpad(shop, answer)
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"attributes": room.table.model_dump(mode="json")}))
    monkeypatch.setenv("ORDERS_MONITOR_KEY_FILE", str(tmp_path / "ada.key"))
    words = ("review", "sign", DAY, "--digest", digest, "--verdict", "approve", "--note", "looked")
    printed = CliRunner().invoke(commands, ["--declaration", str(path), *words])
    signed = decided_in_the_launchpad(shop, {**answer, "signature": printed.stdout})

    assert (
        failure_of(bare) == "the bare name 'ada' decides nothing in prod: it needs a key, set ORDERS_MONITOR_KEY_FILE"
    )
    assert (0, True) == (printed.exit_code, signed.success), printed.output + failure_of(signed)
    with room.desk() as desk:
        assert "approved by ada (decision 1)" == desk.gate(DAY).sentence


def decided_in_the_launchpad(shop: Shop, answer: dict[str, str]) -> dg.ExecuteInProcessResult:
    """A run of the review job with that configuration."""
    config = {**QUIET, "ops": {"small_shop_decide": {"config": answer}}}
    return shop.job(keys.review_job(shop.table), DAY, run_config=config)
