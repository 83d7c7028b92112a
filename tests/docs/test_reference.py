"""What docs/ lists is what the code has: routes, settings, errors, limits."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import orjson
import pytest

from runstore import limits
from runstore.errors import InvalidRequest, Overloaded, RunstoreError, SchemaError, TooLarge
from runstore.filter.errors import At, FilterError
from runstore.server.app import ROUTES
from runstore.server.problems import problem_response
from runstore.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]
WIRE = (ROOT / "docs/wire.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
ERRORS = (ROOT / "docs/errors.md").read_text()
STORAGE = (ROOT / "docs/storage.md").read_text()
SCHEMA = "".join(
    path.read_text() for path in sorted(ROOT.glob("src/runstore/sql/sqlite/schema/*.sql"))
)
BOUNDS = Path(str(limits.__file__)).read_text().splitlines()


def rows(text: str) -> list[list[str]]:
    """Cells of every table row."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_wire_lists_every_route_and_no_other() -> None:
    served = {f"{method} {route.path}" for route in ROUTES for method in route.methods or ()}
    called = {one for row in rows(WIRE) for one in re.findall(r"`([A-Z]+ /[^`]*)`", row[0])}
    assert called == {route for route in served if not route.startswith("HEAD ")}


def test_every_link_to_a_heading_leads_to_one() -> None:
    for paper in ROOT.glob("docs/*.md"):
        for file, anchor in re.findall(r"\]\(([\w.-]*\.md)?#([\w-]+)\)", paper.read_text()):
            text = (paper.parent / file).read_text() if file else paper.read_text()
            headings = {
                re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            }
            assert anchor in headings, f"{paper.name}: {file}#{anchor}"


def test_every_setting_is_described_with_its_default() -> None:
    described = {row[0].strip("`"): row for row in rows(OPERATIONS) if "`RUNSTORE_" in row[0]}
    names = {f"RUNSTORE_{field.name.upper()}" for field in fields(Settings)}
    assert set(described) == names | {"RUNSTORE_API_KEYS"}
    for name in ("host", "port", "data", "log_level"):
        assert described[f"RUNSTORE_{name.upper()}"][2] == f"`{getattr(Settings(), name)}`"


def every_error(kind: type[RunstoreError] = RunstoreError) -> list[type[RunstoreError]]:
    """The package's own; other tests may have made more."""
    own = [child for child in kind.__subclasses__() if child.__module__.startswith("runstore.")]
    return [kind, *(one for child in own for one in every_error(child))]


ON_THE_WIRE = [kind for kind in every_error() if kind is not SettingsError]


def made(kind: type[RunstoreError]) -> RunstoreError:
    if issubclass(kind, SchemaError):
        return kind((("body", "limit"), "what is wrong"))
    if issubclass(kind, TooLarge):
        return kind("over the bound", 10)
    if issubclass(kind, Overloaded):
        return kind("full", 7)
    if issubclass(kind, FilterError):
        return kind("no such field", "eq(nam, 1)", At(3, 6), "write name", ("name",))
    return kind("what is wrong")


def test_every_error_has_a_row() -> None:
    listed = {row[2].strip("`"): row[0].strip("`") for row in rows(ERRORS)[1:]}
    assert listed == {kind.__name__: kind.code for kind in ON_THE_WIRE}
    assert issubclass(SettingsError, InvalidRequest), "said on the command line only"


@pytest.mark.parametrize("kind", ON_THE_WIRE, ids=lambda kind: kind.code)
def test_an_error_is_answered_as_its_row_says(kind: type[RunstoreError]) -> None:
    [row] = [row for row in rows(ERRORS) if row[0] == f"`{kind.code}`"]
    answer = problem_response(made(kind))
    body = orjson.loads(bytes(answer.body))
    assert (str(answer.status_code), body["code"]) == (row[1], kind.code)
    assert ("retry-after" in answer.headers) == (row[4] == "yes")
    if kind is Overloaded:
        assert answer.headers["retry-after"] == "7"
    extra = {"filter_invalid": {"at", "where", "hint", "allowed"}, "too_large": {"limit"}}
    assert set(body) == {"detail", "code"} | extra.get(kind.code, set())


def test_every_bound_has_a_unit_or_a_reason_beside_it() -> None:
    tree = ast.parse("\n".join(BOUNDS))
    bare = [
        BOUNDS[node.lineno - 1]
        for node in tree.body
        if isinstance(node, ast.Assign) and "  # " not in BOUNDS[node.lineno - 1]
    ]
    assert bare == ["MIB = 1024 * 1024"]


BOUNDS_SHOWN = {
    "ingest body as it arrives": limits.BODY_BYTES_MAX,
    "the same, decompressed": limits.BODY_DECODED_BYTES_MAX,
    "multipart parts of one request": limits.PARTS_MAX,
    "ingest bytes under way": limits.INGEST_QUEUE_BYTES_MAX,
    "query body": limits.QUERY_BODY_BYTES_MAX,
    "ids in one query": limits.IDS_MAX,
    "tails at the same time": limits.TAILS_MAX,
    "time of one query, its wait included": limits.QUERY_SECONDS_MAX,
    "rows one query looks at, about": limits.QUERY_ROWS_MAX,
    "payloads one query opens": limits.QUERY_PAYLOAD_BYTES_MAX,
    "memory one query holds": limits.QUERY_MEMORY_BYTES_MAX,
    "other JSON bodies": limits.BODY_JSON_BYTES_MAX,
    "traces in one `POST /runs/delete`": limits.TRACES_DELETED_MAX,
}


@pytest.mark.parametrize("what", BOUNDS_SHOWN)
def test_a_bound_a_client_may_meet_is_shown_as_it_is(what: str) -> None:
    [row] = [row for row in rows(OPERATIONS) if row[0] == what]
    number, _, unit = row[1].partition(" ")
    scale = limits.MIB if unit == "MiB" else 1
    assert int(number.replace(",", "")) * scale == BOUNDS_SHOWN[what]


@pytest.mark.parametrize(
    "made", [r"CREATE (?:VIRTUAL )?TABLE (\w+)", r"CREATE (?:UNIQUE )?INDEX (\w+) ON runs "]
)
def test_every_table_and_every_index_on_runs_has_its_reason(made: str) -> None:
    described = {name for row in rows(STORAGE) for name in re.findall(r"`(\w+)`", row[0])}
    assert set(re.findall(made, SCHEMA)) <= described
