"""Senders whose clocks are wrong: their runs are kept, found, paged and counted like any other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.server.app import create_app
from runstore.settings import Settings
from tests.server.documented import assert_documented
from tests.server.wirerun import run, uid

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
SKEWS = {
    1: timedelta(0),
    2: timedelta(milliseconds=-1),
    3: timedelta(days=1),
    4: timedelta(days=-1),
    5: timedelta(days=3_650),
    6: timedelta(days=-3_650),
    7: datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - NOW,
    8: datetime(1, 1, 1, tzinfo=UTC) - NOW,
    9: datetime(1970, 1, 1, tzinfo=UTC) - NOW,
}
CHILD = 20  # of run 1; began a day before it, and ended before it began
EVERYTHING = {"id": [uid(number) for number in (*SKEWS, CHILD)]}


def at(number: int) -> str:
    return (NOW + SKEWS[number]).isoformat(timespec="microseconds")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """To be read only."""
    with serving(tmp_path_factory.mktemp("clocks")) as client:
        yield client


@contextmanager
def serving(folder: Path) -> Iterator[TestClient]:
    app = create_app(Settings(data=folder, ingest_processes=0), SqliteEngine(folder))
    bare: dict[str, Any] = {"trace_id": None, "dotted_order": None}
    skewed = [
        run(number, None, start_time=at(number), end_time=at(number), **bare) for number in SKEWS
    ]
    child = run(CHILD, None, start_time=at(4), end_time=at(6), parent_run_id=uid(1), **bare)
    with TestClient(app, "http://127.0.0.1:1984") as client:
        assert "refused" not in client.post("/runs/batch", json={"post": [child, *skewed]}).json()
        for number in SKEWS:
            record = {"id": uid(100 + number), "run_id": uid(number), "key": "k", "score": 1}
            said = record | {"created_at": at(number)}
            assert client.post("/feedback", json=said).status_code == 200
        yield client


def pages(server: TestClient, **fields: Any) -> list[list[str]]:
    found: list[list[str]] = []
    cursor = None
    while True:
        body = {**EVERYTHING, **fields, "cursor": cursor}
        answer = server.post("/runs/query", content=json.dumps(body))
        assert_documented("POST", "/runs/query", answer)
        page = answer.json()
        found.append([one["id"] for one in page["runs"]])
        cursor = page["cursors"]["next"]
        if cursor is None:
            return found


def by_start() -> list[str]:
    starts = [(NOW + skew, uid(number)) for number, skew in SKEWS.items()]
    return [run_id for _, run_id in sorted([*starts, (NOW + SKEWS[4], uid(CHILD))], reverse=True)]


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_pages_put_together_are_all_runs_in_order(
    server: TestClient, limit: int, order: str
) -> None:
    found = pages(server, limit=limit, order=order)
    together = [run_id for page in found for run_id in page]
    assert together == (by_start() if order == "desc" else by_start()[::-1])
    assert all(len(page) <= limit for page in found)


@pytest.mark.parametrize("number", SKEWS)
def test_a_run_is_found_by_the_time_it_says(server: TestClient, number: int) -> None:
    text = f'eq(start_time, "{at(number)}")'
    same = {uid(number)} | ({uid(CHILD)} if number == 4 else set())
    assert {run_id for page in pages(server, filter=text) for run_id in page} == same
    assert uid(number) in pages(server, start_time=at(number))[0]
    got = server.get(f"/runs/{uid(number)}").json()
    assert got["start_time"] == got["end_time"] == at(number)


def test_a_child_that_began_before_its_parent_stays_its_child(server: TestClient) -> None:
    got = server.get(f"/runs/{uid(CHILD)}").json()
    assert (got["trace_id"], got["parent_run_ids"]) == (uid(1), [uid(1)])
    assert pages(server, id=None, trace=uid(1)) == [[uid(1), uid(CHILD)]]
    assert pages(server, id=None, parent_run=uid(1)) == [[uid(CHILD)]]


def test_a_run_that_ended_before_it_began_is_found_and_counted(server: TestClient) -> None:
    assert pages(server, filter="lt(latency, 0)") == [[uid(CHILD)]]
    answer = server.post("/runs/stats", json={"id": uid(CHILD)})
    assert_documented("POST", "/runs/stats", answer)
    assert answer.json()["latency_p50"] < 0
    answer = server.get("/sessions?include_stats=true")
    assert_documented("GET", "/sessions", answer)
    assert [one["run_count"] for one in answer.json()] == [len(SKEWS)], "a project counts traces"


def test_feedback_is_listed_by_the_time_it_says(server: TestClient) -> None:
    records = server.get("/feedback?key=k").json()
    times = [one["created_at"] for one in records]
    assert times == sorted(times, reverse=True)
    assert len(times) == len(SKEWS)


def test_a_run_may_be_ended_at_any_time(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        for number in SKEWS:
            changed = server.patch(f"/runs/{uid(number)}", json={"end_time": at(8)})
            assert changed.status_code == 202
            assert server.get(f"/runs/{uid(number)}").json()["end_time"] == at(8)
