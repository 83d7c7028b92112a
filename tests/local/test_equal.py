"""One contract, two places: a server and a folder client, each in its own process, answer alike.

Every question is asked of a real `runstore serve` over HTTP, and of the very folder it writes by
the transport that reads it in this process. Answers are compared as bytes, errors by what they say.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from bench.server import Server
from langsmith import Client

from runstore.client.frames import ArrowPages
from runstore.client.http import HttpRequest, SyncTransport
from runstore.client.run_page import decode_page, run_page
from runstore.client.target import find_target
from runstore.client.transport import SyncHttpTransport
from runstore.errors import RunstoreError
from runstore.local import open_sync
from tests.compat.world import BAD, GOOD, World, write_world
from tests.corpus.filters import CHECK_ERROR, SYNTAX_ERROR, VALID
from tests.local.ask import create_with_file, post
from tests.server.wirerun import uid

LINK = re.compile(rb"/attachments/[\w.-]+")


@dataclass
class Both:
    """The same folder, behind a server and by itself."""

    http: SyncTransport
    local: SyncTransport
    world: World
    projects: list[str]

    def ask(self, request: HttpRequest) -> bytes:
        """The answer, which is the same from both but for when its links end."""
        answers = [self.http.send(request), self.local.send(request)]
        assert answers[0].status == answers[1].status
        over_http, by_itself = (LINK.sub(b"/attachments/", answer.body) for answer in answers)
        assert over_http == by_itself
        return answers[1].body

    def pages(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The runs of all pages, each page compared."""
        runs: list[dict[str, Any]] = []
        while True:
            page = json.loads(self.ask(post("/runs/query", body)))
            runs += page["runs"]
            cursor = page["cursors"].get("next")
            if cursor is None:
                return runs
            body = {**body, "cursor": cursor}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder: Path = tmp_path_factory.mktemp("equal") / "data"
    with Server(folder) as server:
        client = Client(server.url, api_key="any")
        world = write_world(client)
        client.cleanup()
        http, local = SyncHttpTransport(find_target(server.url)), open_sync(folder)
        http.send(create_with_file(1, b"\x89PNG"))
        projects = json.loads(http.send(HttpRequest("GET", "/sessions")).body)
        yield Both(http, local, world, [project["id"] for project in projects])
        local.close()
        http.close()


FILTERS = [
    *VALID.values(),
    'eq(status, "success")',
    'has(tags, "beta")',
    'and(eq(metadata_key, "user_id"), eq(metadata_value, "ada"))',
    'and(eq(feedback_key, "user_score"), eq(feedback_score, 1))',
    'search("tent")',
    "gt(total_tokens, 5000)",
    "gt(latency, 4)",
    'or(eq(run_type, "tool"), exists(metadata, "plan.tier"))',
]


@pytest.mark.parametrize("text", FILTERS)
def test_filters(both: Both, text: str) -> None:
    found = both.pages({"session": both.projects, "filter": text})
    assert both.pages({"session": both.projects, "filter": text, "order": "asc"}) == found[::-1]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({}, id="everything"),
        pytest.param({"limit": 7}, id="in short pages"),
        pytest.param({"is_root": True}, id="roots"),
        pytest.param({"error": True}, id="errors"),
        pytest.param({"run_type": "llm"}, id="a run type"),
        pytest.param({"start_time": "2026-01-01T00:00:00Z"}, id="since"),
        pytest.param({"trace_filter": 'has(tags, "beta")'}, id="a trace filter"),
        pytest.param({"tree_filter": "neq(error, null)"}, id="a tree filter"),
        pytest.param({"query": "parcel"}, id="full text"),
        pytest.param({"select": ["id", "inputs", "feedback_stats", "child_run_ids"]}, id="fields"),
        pytest.param({"select": ["s3_urls"]}, id="attachments"),
        pytest.param({"no_such_field": 1}, id="an unknown field"),
    ],
)
def test_queries(both: Both, asked: dict[str, Any]) -> None:
    assert both.pages({"session": both.projects, **asked})


@pytest.mark.parametrize("select", [None, ["name", "outputs", "feedback_stats"], ["s3_urls"]])
def test_runs_made_when_they_are_read_are_the_same(both: Both, select: list[str] | None) -> None:
    body = {"session": both.projects, **({"select": select} if select else {})}
    request = replace(post("/runs/query", body), takes_page=True)
    over_http, by_itself = both.http.send(request), both.local.send(request)
    page = by_itself.page
    assert (over_http.page, by_itself.body) == (None, b"")
    assert page is not None
    assert "content-length" not in by_itself.headers
    shown = decode_page(over_http.body)
    runs = [LINK.sub(b"/attachments/", run.raw_json) for run in shown.runs]
    assert [LINK.sub(b"/attachments/", page.run_json(n)) for n in range(len(page))] == runs
    assert len(runs) > 10
    assert page.cursors == {"next": shown.next_cursor, "prev": shown.prev_cursor}
    if select != ["s3_urls"]:  # links tell when they end
        assert run_page(page).runs == shown.runs
        frames = ArrowPages(select)
        assert frames.batch(page).equals(frames.batch(over_http.body))


def test_runs_by_id(both: Both) -> None:
    ids = [str(run_id) for run_id in both.world.ids.values()]
    assert len(both.pages({"id": ids})) == len(ids)
    assert len(both.pages({"trace": str(GOOD)})) == 4
    for run_id in (str(GOOD), str(BAD), uid(1)):
        assert json.loads(both.ask(HttpRequest("GET", f"/runs/{run_id}")))["id"] == run_id


def test_attachments(both: Both) -> None:
    run = json.loads(both.ask(HttpRequest("GET", f"/runs/{uid(1)}")))
    link = run["s3_urls"]["attachment.picture"]["presigned_url"]
    assert both.ask(HttpRequest("GET", link)) == b"\x89PNG"


def test_figures(both: Both) -> None:
    assert b"run_count" in both.ask(post("/runs/stats", {"session": both.projects}))
    for group in ("name", "run_type", "tag"):
        both.ask(post("/runs/stats", {"session": both.projects, "group_by": {"attribute": group}}))


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/sessions", ()),
        ("/sessions", (("include_stats", "true"), ("limit", "2"))),
        ("/sessions", (("name", "many"),)),
        ("/feedback", ()),
        ("/feedback", (("run", str(BAD)), ("key", "Correctness"))),
        ("/info", ()),
        ("/ready", ()),
    ],
)
def test_lists(both: Both, path: str, params: tuple[tuple[str, str], ...]) -> None:
    assert both.ask(HttpRequest("GET", path, params=params))


@pytest.mark.parametrize(
    "request_",
    [
        *(
            pytest.param(post("/runs/query", {"id": [uid(1)], "filter": wrong[0]}), id=name)
            for name, wrong in (SYNTAX_ERROR | CHECK_ERROR).items()
        ),
        pytest.param(post("/runs/query", {}), id="no scope"),
        pytest.param(post("/runs/query", {"id": "x", "limit": 0}), id="wrong fields"),
        pytest.param(post("/runs/query", {"id": [uid(1)], "cursor": "x"}), id="a wrong cursor"),
        pytest.param(HttpRequest("GET", f"/runs/{uid(99)}"), id="no such run"),
        pytest.param(HttpRequest("GET", "/nowhere"), id="no such path"),
        pytest.param(HttpRequest("DELETE", "/info"), id="no such method"),
    ],
)
def test_errors(both: Both, request_: HttpRequest) -> None:
    said = []
    for transport in (both.http, both.local):
        with pytest.raises(RunstoreError) as caught:
            transport.send(request_)
        said.append((type(caught.value), caught.value.status, str(caught.value)))
    assert said[0] == said[1]
