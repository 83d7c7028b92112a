"""The commands that read: the same from a server and from a folder."""

import csv
import io
import json
import sys
from typing import Any

import pytest

from runstore.client.asking import RunListing
from runstore.client.sync import Client
from tests.cli.conftest import Say
from tests.client.conftest import Place
from tests.client.world import APP, MANY, MANY_PROJECT, id_of

HEADING = ["id", "name", "run_type", "status", "start_time", "latency", "total_tokens",
           "total_cost", "error"]  # fmt: skip


def test_a_table_in_a_pipe_is_lines_with_tabs(say: Say, place: Place) -> None:
    said = say("list", "--project", APP, "--target", place.target)
    assert (said.code, said.err) == (0, "")
    assert said.rows[0] == HEADING
    assert {row[1] for row in said.rows[1:]} == {"lonely", "search", "agent", "extractor", "model"}
    by_name = {row[1]: row for row in said.rows[1:]}
    assert by_name["search"][3:] == [
        "error",
        "2026-03-01T10:00:12+00:00",
        "0.5",
        "0",
        "",
        "TimeoutError: carrier",
    ]
    assert by_name["lonely"][5] == "", "it has not ended"
    assert by_name["model"][6] == "6030"
    assert not any("\x1b" in line for line in said.out)


def test_json_is_an_array_of_runs_as_they_came(say: Say, place: Place) -> None:
    said = say("list", "-p", APP, "-o", "json", "--is-root", "-t", place.target)
    runs = json.loads(said.out)
    assert [run["name"] for run in runs] == ["lonely", "agent"]
    assert runs[1]["extra"]["metadata"]["tenant"] == "acme"
    assert json.loads(say("list", "-p", "empty", "-o", "json", "-t", place.target).out) == []


def test_jsonl_is_an_object_a_line_over_pages(say: Say, place: Place) -> None:
    said = say(
        *("list", "-p", MANY_PROJECT, "-n", "all", "-o", "jsonl", "--select", "name,inputs"),
        *("--order", "asc", "-t", place.target),
    )
    runs = [json.loads(line) for line in said.out.splitlines()]
    assert [run["name"] for run in runs] == [f"step {n}" for n in range(MANY)]
    assert runs[7]["inputs"] == {"n": 7}
    assert "extra" not in runs[0]


def test_csv_keeps_what_is_inside(say: Say, place: Place) -> None:
    said = say("list", "-p", APP, "-o", "csv", "--select", "name,inputs,tags", "-t", place.target)
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(said.out))}
    assert json.loads(rows["agent"]["inputs"]) == {"label": "agent"}
    assert json.loads(rows["agent"]["tags"]) == ["prod", "beta"]


# fmt: off
ASKED = [
    (["--filter", 'eq(name, "search")'], {"search"}),
    (["--trace-filter", 'eq(name, "agent")', "--no-is-root"], {"search", "extractor", "model"}),
    (["--tree-filter", 'eq(name, "model")', "--is-root"], {"agent"}),
    (["--error"], {"search"}),
    (["--no-error", "--is-root"], {"agent", "lonely"}),
    (["--run-type", "tool"], {"search"}),
    (["--query", "extractor"], {"extractor", "model"}),
    (["--trace-id", str(id_of("lonely"))], {"lonely"}),
    (["--parent-run-id", str(id_of("agent"))], {"extractor", "search"}),
    (["--id", str(id_of("agent")), "--id", str(id_of("lonely"))], {"agent", "lonely"}),
    (["--since", "2026-03-01T10:00:30+00:00"], {"lonely"}),
    (["--until", "2026-03-01T10:00:13+00:00"], {"search", "extractor", "model"}),
    (["--limit", "1"], {"lonely"}),
    (["--since", "1h"], set()),
]
# fmt: on


@pytest.mark.parametrize(
    ("words", "names"),
    ASKED,
    ids=lambda value: " ".join(sorted(value) if isinstance(value, set) else value),
)
def test_what_is_asked_for_is_listed(
    say: Say, place: Place, words: list[str], names: set[str]
) -> None:
    said = say("list", "-p", APP, "-t", place.target, *words)
    assert said.code == 0, said.err
    assert {row[1] for row in said.rows[1:]} == names


def test_without_a_project_all_are_listed(say: Say, place: Place) -> None:
    assert say("list", "--count", "-n", "all", "-t", place.target).out == f"{MANY + 5}\n"


def test_every_keyword_of_list_runs_has_an_option(say: Say) -> None:
    help_ = say("list", "--help").out
    for keyword in RunListing.__annotations__:
        assert f"--{keyword.replace('_', '-')}" in help_, keyword


def test_the_target_may_come_from_the_environment(
    say: Say, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_ENDPOINT", place.target)
    assert say("list", "-p", APP, "--is-root", "--count").out == "2\n"


def test_in_a_terminal_a_table_is_for_people(
    say: Say, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    said = say("list", "-p", APP, "-t", place.target)
    assert "\x1b[" in said.out, "colours"
    assert "500 ms" in said.out
    assert "6,030" in said.out
    tree = say("trace", str(id_of("agent")), "-t", place.target).out
    assert "├── extractor" in tree
    stats = say("stats", "-p", APP, "-t", place.target).out
    assert "run_count" in stats


def test_a_run_is_shown_whole(say: Say, place: Place) -> None:
    run_id = str(id_of("agent"))
    said = say("get", run_id, "--feedback", "--children", "-t", place.target)
    assert said.code == 0
    run = json.loads(said.out)
    assert run["id"] == run_id
    assert {one["key"] for one in run["feedback"]} == {"user_score", "correctness"}
    assert [child["name"] for child in run["child_runs"]] == ["extractor", "search"]
    assert run["child_runs"][0]["child_runs"][0]["name"] == "model"


def test_of_several_runs_those_that_are_there_are_shown(say: Say, place: Place) -> None:
    here, gone = str(id_of("agent")), str(id_of("nobody"))
    said = say("get", gone, here, "-o", "jsonl", "-t", place.target)
    assert said.code == 1
    assert gone in said.err
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == [here]


@pytest.mark.parametrize("label", ["agent", "agent.extractor.model"])
def test_a_trace_is_found_by_any_of_its_runs(say: Say, place: Place, label: str) -> None:
    said = say("trace", str(id_of(label)), "-t", place.target)
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        "agent  chain  15.00 s  6,030 tokens",
        "  extractor  chain  12.00 s  6,030 tokens",
        "    model  llm  11.00 s  6,030 tokens",
        "  search  tool  500 ms  error: TimeoutError: carrier",
    ]


@pytest.mark.parametrize(
    ("fields", "shown"), [({}, "running"), ({"outputs": {"a": 1}}, "success")], ids=["not", "there"]
)
def test_a_run_without_an_end_shows_what_listings_say_of_it(
    say: Say, own_place: Place, fields: dict[str, Any], shown: str
) -> None:
    with Client(own_place.target) as client:
        made = client.create_run("agent", {"q": 1}, "chain", **fields)
        assert client.flush(20)
    assert say("trace", str(made), "-t", own_place.target).out == f"agent  chain  {shown}\n"


def test_a_trace_as_json_is_nested(say: Say, place: Place) -> None:
    root = json.loads(say("trace", str(id_of("agent")), "-o", "json", "-t", place.target).out)
    assert [child["name"] for child in root["child_runs"]] == ["extractor", "search"]
    assert root["inputs"] == {"label": "agent"}


def test_a_trace_nobody_knows_is_said(say: Say, place: Place) -> None:
    said = say("trace", str(id_of("nobody")), "-t", place.target)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("runstore: ")


def test_figures_are_shown(say: Say, place: Place) -> None:
    said = say("stats", "-p", APP, "-t", place.target)
    figures = dict(row for row in said.rows if len(row) == 2)
    assert figures["run_count"] == "5"
    assert "run_facets" not in figures, "there are none"
    as_csv = say("stats", "-p", APP, "-o", "csv", "-t", place.target).out
    assert "run_facets," in as_csv
    by_type = say("stats", "-p", APP, "-g", "run_type", "-o", "csv", "-t", place.target).out
    rows = {row["group"]: row for row in csv.DictReader(io.StringIO(by_type))}
    assert rows["chain"]["run_count"] == "3"
    (whole,) = json.loads(say("stats", "-p", APP, "-o", "json", "-t", place.target).out)
    assert whole["run_count"] == 5
    assert "run_facets" in whole
    few = say("stats", "-p", APP, "--select", "run_count", "-o", "jsonl", "-t", place.target).out
    assert json.loads(few) == {"run_count": 5}


def test_a_listing_is_explained(say: Say, place: Place) -> None:
    words = ["explain", "-p", APP, "-f", 'and(eq(name,"agent"))', "-t", place.target]
    said = say(*words)
    lines = [line.split(maxsplit=1) for line in said.out.splitlines()]
    assert ["filter", 'and(eq(name, "agent"))'] in lines or ["filter", 'eq(name, "agent")'] in lines
    assert {line[0] for line in lines} >= {"filter", "step", "indexes", "rows", "took"}
    many = say("explain", "-p", MANY_PROJECT, "-t", place.target).out
    assert f"{'estimated':<14}{MANY:,} runs in all\n" in many
    assert "nothing bounds the start" in many
    told = json.loads(say(*words, "-o", "json").out)
    assert told["actual_runs"] == 1


def test_runs_are_followed(say: Say, place: Place) -> None:
    words = ["tail", "-p", APP, "--cursor", "0", "-n", "5", "-t", place.target]
    said = say(*words)
    assert {row[1] for row in said.rows} == {"lonely", "search", "agent", "extractor", "model"}
    cursor = said.err.strip().rpartition(" ")[2]
    assert said.err == f"runstore: to go on from here: --cursor {cursor}\n"
    one = say("tail", "--cursor", "0", "-n", "1", "-o", "jsonl", "-f", 'eq(name, "search")',
              "-t", place.target)  # fmt: skip
    assert json.loads(one.out)["error"] == "TimeoutError: carrier"


def test_projects_are_listed(say: Say, place: Place) -> None:
    said = say("projects", "list", "-t", place.target)
    assert {row[1] for row in said.rows[1:]} == {"app", "many", "empty"}
    with_stats = say("projects", "list", "--stats", "-o", "jsonl", "-t", place.target).out
    by_name = {one["name"]: one for one in map(json.loads, with_stats.splitlines())}
    assert by_name["app"]["run_count"] == 2, "a project counts its traces"
    assert say("projects", "list", "--name-contains", "AN", "-t", place.target).rows[1][1] == "many"


def test_feedback_is_listed(say: Say, place: Place) -> None:
    said = say("feedback", "list", "--key", "user_score", "-t", place.target)
    (row,) = said.rows[1:]
    assert row[1:4] == [str(id_of("agent")), "user_score", "1.0"] or row[3] == "1"
