"""The reviewers file: read strictly, written without losing a comment, and never in two ways."""

import base64

import pytest

from orders_monitor.adapters import signing
from orders_monitor.adapters.reviewers import add_page_key, add_reviewer, load_reviewers, write_reviewers
from orders_monitor.adapters.strict_yaml import read_yaml
from orders_monitor.core.errors import ReleaseInvalid, SigningRefused
from orders_monitor.core.people import Reviewer, Reviewers
from orders_monitor.settings import PROJECT_ROOT

KEY, OTHER = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="
ADA = Reviewer(name="ada", key=KEY)


def test_the_shipped_file_names_nobody():
    """Whoever installs this adds their own people; the example in its comments is a reviewer that can be read."""
    path = PROJECT_ROOT / "reviewers.yaml"
    example = next(line for line in path.read_text().splitlines() if line.startswith("#     - {"))
    text = path.read_text().replace("reviewers: []", f"reviewers:\n{example.removeprefix('#')}")

    assert Reviewers() == load_reviewers(path)
    assert ADA.model_copy(update={"tables": ("orders_daily",)}) == _read(text, path).reviewers[0]


def _read(text, path):
    return read_yaml(text, path).checked(Reviewers)


@pytest.mark.parametrize(
    ("body", "line", "why"),
    [
        ("reviewers:\n  - {name: Ada}", 2, "reviewers.0.name: 'Ada' is no reviewer's name"),
        ("reviewers:\n  - {name: ada, rolls: [lead]}", 2, "reviewers.0.rolls: there is no such field"),
        ("reviewers:\n  - {name: ada}\n  - name: bob\n    roles: [boss]", 4, "reviewers.1.roles.0: "),
        ("reviewers:\n  - {name: ada, roles: []}", 2, "reviewers.0.roles: "),
        ("reviewers:\n  - {name: ada, key: 7}", 2, "reviewers.0.key: "),
        ("reviewers:\n  - {name: ada, key: ssh-ed25519 AAAA}", 2, "reviewers.0.key: it is no Ed25519 public key"),
        (f"reviewers:\n  - {{name: ada, key: '{'A' * 43}='}}", 2, "reviewers.0.key: anybody can sign for this key"),
        ("reviewers:\n  - {name: policy}", 2, "reviewers.0.name: 'policy' is nobody's name"),
        ("reviewers:\n  - {name: ex.piry}", 2, "reviewers.0.name: 'ex.piry' is nobody's name"),
        ("reviewers:\n  - {name: ada}\n  - {name: ada}", 1, "two reviewers are called 'ada'"),
        (
            f"reviewers:\n  - {{name: ada, key: '{KEY}'}}\n  - {{name: bob, key: '{KEY}'}}",
            1,
            "the key of 'ada' is somebody else's too: with one key one person could be two",
        ),
        (f"page_key: '{KEY}'\nreviewers: [{{name: ada, key: '{KEY}'}}]", 1, "the key of 'ada' is somebody else's too"),
        ("reviewers: &a [*a]", 1, "an alias is not read here"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", 1, "an alias is not read here"),
        ("reviewers: []\nreviewers: []", 1, "reviewers: this is said twice"),
        ("reviewers: {ada: lead}", 1, "reviewers: "),
    ],
)
def test_a_mistake_names_file_line_and_field(tmp_path, body, line, why):
    """One sentence, and nothing of it is half believed."""
    path = tmp_path / "reviewers.yaml"
    path.write_text(body)
    with pytest.raises(ReleaseInvalid) as refused:
        load_reviewers(path)

    assert str(refused.value).startswith(f"{path}:{line}: {why}")


@pytest.mark.parametrize("body", ["[" * 2_000, "- ada", "!!python/object:os.system {}", "reviewers: [\x00]"])
def test_what_is_no_reviewers_file_is_refused(tmp_path, body):
    """Nested too deep, no mapping, a tag of another program, or no YAML at all."""
    path = tmp_path / "reviewers.yaml"
    path.write_text(body)
    with pytest.raises(ReleaseInvalid):
        load_reviewers(path)


def test_a_file_of_megabytes_is_not_read(tmp_path):
    """A list of people is short."""
    path = tmp_path / "reviewers.yaml"
    path.write_text("#" * 1_000_001)
    with pytest.raises(ReleaseInvalid, match="it has 1,000,001 bytes, 1,000,000 are read"):
        load_reviewers(path)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            None,
            (
                "# Who may decide, and whose signature is whose. Every change is reviewed like code.\n"
                "reviewers:\n  - ADA\n"
            ),
        ),
        ("# a\nreviewers: []  # b\n# c\n", "# a\nreviewers:\n  - ADA  # b\n# c\n"),
        ("page_key: ''\n", "page_key: ''\nreviewers:\n  - ADA\n"),
        (
            "reviewers:\n- name: bob  # b\n  roles:\n  - lead # c\n\n# end\npage_key: ''",
            "reviewers:\n- name: bob  # b\n  roles:\n  - lead # c\n- ADA\n\n# end\npage_key: ''",
        ),
        ("reviewers: [{name: bob}]", "reviewers: [{name: bob},\n  ADA]"),
        ("reviewers:\n    - {name: bob}", "reviewers:\n    - {name: bob}\n    - ADA\n"),
    ],
)
def test_one_more_reviewer_is_one_more_line(tmp_path, text, written):
    """However the file is written: its comments stay where they are, and it reads as it did with one person more."""
    path = tmp_path / "reviewers.yaml"
    if text is not None:
        path.write_text(text)
    before = load_reviewers(path)
    line = f'{{name: "ada", roles: ["reviewer"], tables: ["*"], key: "{KEY}"}}'
    write_reviewers(path, add_reviewer(path, ADA))

    assert written.replace("ADA", line) == path.read_text()
    assert (*before.reviewers, ADA) == load_reviewers(path).reviewers
    with pytest.raises(SigningRefused, match=r"ada is in reviewers.yaml already"):
        add_reviewer(path, ADA)


def test_the_pages_key_is_said_once(tmp_path):
    """An empty one is replaced; another one is nobody's to overwrite."""
    path = tmp_path / "reviewers.yaml"
    path.write_text("# a\npage_key: ''\nreviewers: []")
    write_reviewers(path, add_page_key(path, OTHER))

    assert f'# a\nreviewers: []\npage_key: "{OTHER}"\n' == path.read_text()
    with pytest.raises(SigningRefused, match=r"reviewers.yaml has a page key already"):
        add_page_key(path, KEY)


def test_a_key_of_somebody_elses_is_not_added(tmp_path):
    """What would not be read is not written: the line is for a person to think about."""
    path = tmp_path / "reviewers.yaml"
    write_reviewers(path, add_reviewer(path, ADA))
    with pytest.raises(ValueError, match="somebody else's too"):
        add_reviewer(path, Reviewer(name="bob", key=KEY))


@pytest.mark.parametrize("point", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255, 2**255 + 1])
def test_a_key_that_anybody_can_sign_for_is_none(point):
    """Points of small order, in every encoding: the library would believe the empty signature of some of them."""
    text = base64.b64encode(point.to_bytes(32, "little")).decode()
    with pytest.raises(ValueError, match="anybody can sign for this key"):
        Reviewer(name="ada", key=text)


def test_keys_sign_and_are_kept_from_others(tmp_path):
    """A new key's file is its owner's alone, is never replaced, and a file that others read is no key."""
    private, public = signing.new_key()
    path = tmp_path / "keys" / "ada.key"
    signing.write_key(private, path)
    signature = signing.sign(signing.read_key(path), "text")

    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
    assert (public, True) == (signing.public_key(private), signing.is_signed(public, "text", signature))
    assert [False] * 4 == [
        signing.is_signed(public, "another text", signature),
        signing.is_signed(KEY, "text", signature),
        signing.is_signed("no key", "text", signature),
        signing.is_signed(public, "text", signature[:-4]),
    ]
    with pytest.raises(SigningRefused, match="a key is never overwritten"):
        signing.write_key(private, path)
    path.chmod(0o640)
    with pytest.raises(SigningRefused, match="can be read by others"):
        signing.read_key(path)


@pytest.mark.parametrize("body", ["", "x" * 44, "-----BEGIN PRIVATE KEY-----", "AAAA", "\xe4"])
def test_a_key_of_another_kind_cannot_sign(tmp_path, body):
    """One sentence, which does not quote what somebody keeps secret."""
    path = tmp_path / "ada.key"
    path.write_text(body)
    path.chmod(0o600)
    with pytest.raises(SigningRefused) as refused:
        signing.sign(signing.read_key(path), "text")

    assert not body or body not in str(refused.value)
