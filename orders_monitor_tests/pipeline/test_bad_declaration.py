"""A declaration that cannot be: one sentence with file, line and field, for someone who is about to edit that line."""

import pytest

from orders_monitor.component import read_declaration
from orders_monitor.core.errors import DeclarationInvalid
from orders_monitor.core.modes import MODES
from orders_monitor.core.table import Partitions

DECLARATION = """\
type: orders_monitor.component.TableMonitor
attributes:
  name: small_shop
  source:
    kind: files
    path: "upstream/{partition}.csv"
    format: csv
  partitions:
    start: 2026-03-01
    timezone: Europe/Berlin
  cron: "0 2 * * *"
  contract:
    key: [order_id]
    columns:
      - name: order_id
        type: BIGINT
      - name: status
        type: VARCHAR
  expectations:
    - type: expect_column_values_to_not_be_null
      kwargs: {column: order_id}
    - type: expect_column_values_to_be_unique
      kwargs: {column: order_id}
  owners:
    team: shop
"""

ROUTES = "it is automatic, human, two_humans or never, or one of these for each of dev, staging and prod"
NO_NAME = "is no reviewer's name: a small letter, then up to 99 of a-z, 0-9 and _.@-"
MISTAKES = [
    (
        "team: shop",
        "team: shop\n  policy:\n    routes: {overwrite: sometimes}",
        f"27: policy.routes.overwrite: {ROUTES}",
    ),
    (
        "team: shop",
        "team: shop\n  policy:\n    routes:\n      overwrite: {prod: human, test: human}",
        f"28: policy.routes.overwrite: {ROUTES}",
    ),
    (
        "team: shop",
        "team: shop\n  review:\n    assigned:\n      - {reviewers: [ada], when: [drift, sunday]}",
        "28: review.assigned.0.when.1: 'sunday' is no failure mode, kind of signal or kind of drift: "
        + ", ".join(sorted(MODES)),
    ),
    (
        "team: shop",
        "team: shop\n  review:\n    assigned:\n      - reviewers: [Ada]",
        f"28: review.assigned.0.reviewers.0: 'Ada' {NO_NAME}",
    ),
    ("team: shop", "team: [shop]", "25: owners.team: Input should be a valid string"),
    (
        "team: shop",
        "team: shop\n  tolerances:\n    days_min: many",
        "27: tolerances.days_min: Input should be a valid integer, unable to parse string as an integer",
    ),
    ("format: csv", "format: csv\n    compresion: gzip", "8: source.compresion: there is no such field"),
    ("  owners:", "  owner: ada\n  owners:", "24: owner: there is no such field"),
    ("  owners:\n    team: shop\n", "", "2: owners: this field is needed"),
    (
        "        type: VARCHAR\n",
        "        type: VARCHR\n",
        "18: contract.columns.1.type: 'VARCHR' is not a type that a published table has",
    ),
    (
        "        type: VARCHAR\n",
        "        type: DECIMAL(39,2)\n",
        "18: contract.columns.1.type: 'DECIMAL(39,2)' is not a type that a published table has",
    ),
    ("        type: VARCHAR\n", "", "17: contract.columns.1.type: this field is needed"),
    ("name: small_shop", "name: Small Shop", "3: name: 'Small Shop' does not match ^[a-z][a-z0-9_]{0,62}$"),
    ("name: small_shop", "name: landed", "3: name: 'landed' is a folder that the lake keeps for every table"),
    ("name: small_shop", "name: quarantine", "3: name: 'quarantine' is a folder that the lake keeps for every table"),
    (
        "Europe/Berlin",
        "Mars/Olympus",
        "10: partitions.timezone: 'Mars/Olympus' is not a time zone of the IANA database",
    ),
    (
        "2026-03-01",
        "2026-02-30",
        "9: partitions.start: Input should be a valid date or datetime, day value is outside expected range",
    ),
    (
        "2026-03-01",
        "soon",
        "9: partitions.start: Input should be a valid date or datetime, input is too short",
    ),
    ("kind: files", "kind: ftp", "4: source: kind 'ftp' is none of 'simulator', 'files', 'database'"),
    ("    kind: files\n", "", "4: source: it needs a kind"),
    ("format: csv", "format: xml", "7: source.format: Input should be 'parquet' or 'csv'"),
    (
        "expect_column_values_to_be_unique",
        "column_unique",
        "22: expectations.1.type: 'column_unique' does not match ^expect_[a-z0-9_]+$",
    ),
    (
        "expect_column_values_to_be_unique",
        "expect_column_values_to_not_be_null",
        "2: attributes: two checks would be called 'order_id_not_be_null'; give one of the expectations an `id`",
    ),
    (
        "kwargs: {column: order_id}\n  owners",
        "id: human_review\n  owners",
        "2: attributes: two checks would be called 'human_review'; give one of the expectations an `id`",
    ),
    ("0 2 * * *", "0 25 * * *", "11: cron: '0 25 * * *' is not a cron schedule of five fields"),
    ("0 2 * * *", "nightly", "11: cron: 'nightly' is not a cron schedule of five fields"),
    ("0 2 * * *", "0 0 31 2 *", "11: cron: '0 0 31 2 *' is not a cron schedule of five fields"),
    ("[order_id]", "[id]", "12: contract: key names 'id', which is not a column of the contract"),
    (
        "name: status",
        "name: ORDER_ID",
        "12: contract: two columns have the same name (DuckDB does not tell upper from lower case)",
    ),
    (
        "team: shop",
        "team: shop\n  policy:\n    routes: {hold: automatic}",
        "27: policy.routes.hold: Input should be 'publish_as_is', 'rename_column', 'cast_column', 'scale_column', 'quarantine_rows', 'drop_duplicates', 'accept_change', 'publish_unexplained', 'overwrite' or 'restore_version'",  # noqa: E501 - as it is said
    ),
    (
        'path: "upstream/{partition}.csv"\n    format: csv',
        "incidents: []",
        "4: source.path: this field is needed",
    ),
    ("  source:", "  source: [", "6: file: it is not YAML: expected ',' or ']', but got ':'"),
    ("  source:", "\tsource:", "4: file: it is not YAML: found character '\\t' that cannot start any token"),
    ("  owners:", "---\n  owners:", "24: file: it is not YAML: but found another document"),
]

NO_DECLARATIONS = [
    (b"", "attributes: a mapping is needed here"),
    (b"- a\n- b\n", "attributes: a mapping is needed here"),
    (b"orders\n", "attributes: a mapping is needed here"),
    (b"type: orders_monitor.component.TableMonitor\n", "attributes: a mapping is needed here"),
    (b"\xff\xfe\x00", "file: it cannot be read as UTF-8 text"),
    (b"name: \x07\n", "file: it is not YAML: it has characters that YAML does not know"),
]


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The declaration's file, in the folder in which the reader of the message stands."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "defs.yaml"
    path.write_text(DECLARATION)
    return path


def refused(path) -> str:
    with pytest.raises(DeclarationInvalid) as caught:
        read_declaration(path)
    return str(caught.value)


def test_the_declaration_itself_is_read(file):
    """What the mistakes are made in is a table; an unquoted date is one."""
    table = read_declaration(file)

    expected = Partitions.model_validate({"start": "2026-03-01", "timezone": "Europe/Berlin"})
    assert (expected, "small_shop") == (table.partitions, table.name)


@pytest.mark.parametrize(("was", "now", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_line_and_field(file, was, now, said):
    """Whatever is wrong, the sentence leads to the line."""
    head, found, tail = DECLARATION.rpartition(was)
    file.write_text(head + now + tail)

    assert found
    assert f"defs.yaml:{said}" == refused(file)


@pytest.mark.parametrize(("content", "said"), NO_DECLARATIONS)
def test_a_file_that_declares_nothing_is_refused(file, content, said):
    """What is no mapping of names to values, or no text at all, has no line to lead to."""
    file.write_bytes(content)

    assert f"defs.yaml: {said}" == refused(file)


def test_a_list_of_attributes_is_refused(file):
    """Attributes that are no mapping have a line."""
    file.write_text("attributes: [1]\n")

    assert "defs.yaml:1: attributes: a mapping is needed here" == refused(file)


def test_a_file_that_is_not_there_is_refused(file):
    """The path that was typed may be wrong too."""
    file.unlink()

    assert "defs.yaml: file: there is no such file" == refused(file)
