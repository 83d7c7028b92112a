"""The same calls of create_run and update_run, by our client and by langsmith's: the same runs."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import langsmith
import pytest

from runstore import Client, Run
from tests.server.live import Live, open_engine, serve

START = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
END = START + timedelta(seconds=2.5)
Call = dict[str, Any]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("server")
    with serve(open_engine("sqlite", folder), folder) as server:
        yield server


def written(client: Any, project: str, create: Call, *updates: Call) -> uuid.UUID:
    """`client` is either one: the arguments are the same."""
    run_id = uuid.uuid4()
    order = f"{START:%Y%m%dT%H%M%S%f}Z{run_id}"
    place = {"trace_id": run_id, "dotted_order": order}
    base = {"name": "step", "inputs": {"q": 1}, "run_type": "llm", "start_time": START}
    client.create_run(**{**base, **create}, id=run_id, project_name=project, **place)
    for update in updates:
        client.update_run(run_id, **place, **update)
    client.flush()
    return run_id


def told(run: Run) -> dict[str, Any]:
    """What the caller said; the SDK adds what it knows of its surroundings to `extra`."""
    metadata = run.metadata
    return {
        **{name: getattr(run, name) for name in SAID},
        "metadata": {name: metadata.get(name) for name in ("team", "n", "usage_metadata")},
        "own": (run.extra or {}).get("own"),
        "attachments": {name: (one.mime_type, one.read()) for name, one in run.attachments.items()},
    }


SAID = (
    *("name", "run_type", "start_time", "end_time", "inputs", "outputs", "error", "events"),
    *("tags", "status", "total_tokens", "total_cost", "reference_example_id", "serialized"),
)
CASES: list[Any] = [
    pytest.param([{}, {"end_time": END, "outputs": {"a": 1}}], id="a run and its end"),
    pytest.param(
        [{"outputs": {"a": [1, {"b": None}]}, "end_time": END, "tags": ["x", "y"]}], id="at once"
    ),
    pytest.param([{}, {"end_time": END, "error": "Traceback: bad"}], id="a failure"),
    pytest.param(
        [{"extra": {"own": {"k": 1}, "metadata": {"team": "a", "n": 1}}, "end_time": END}],
        id="extra and metadata",
    ),
    pytest.param(
        [
            {"extra": {"metadata": {"team": "a", "n": 1}}, "tags": ["x"]},
            {"extra": {"metadata": {"n": 2}}, "tags": ["y"], "end_time": END, "name": "new"},
        ],
        id="an update that adds",
    ),
    pytest.param(
        [
            {},
            {
                "end_time": END,
                "outputs": {
                    "usage_metadata": {
                        "input_tokens": 3,
                        "output_tokens": 4,
                        "total_tokens": 7,
                        "total_cost": 0.25,
                    }
                },
            },
        ],
        id="usage",
    ),
    pytest.param(
        [
            {
                "inputs": {
                    "at": START,
                    "id": uuid.UUID(int=5),
                    "cost": Decimal("1.5"),
                    "raw": b"\x00\xff",
                    "set": {1},
                    5: "number as a key",
                    "half": "a\ud800b",
                },
                "end_time": END,
            }
        ],
        id="values JSON has no form for",
    ),
    pytest.param(
        [{"events": [{"name": "new_token", "time": START}], "end_time": END}], id="events"
    ),
    pytest.param(
        [{"attachments": {"pic": ("image/png", b"\x89PNG\r\n--")}, "end_time": END}],
        id="an attachment",
    ),
    pytest.param(
        [{"serialized": {"id": ["a"], "kwargs": {"model": "m"}}, "end_time": END}], id="serialized"
    ),
]


@pytest.mark.parametrize("calls", CASES)
def test_both_clients_write_the_same_run(live: Live, calls: list[Call]) -> None:
    theirs = langsmith.Client(live.url, api_key="any", auto_batch_tracing=True)
    with Client(live.url) as ours:
        first = written(ours, "ours", *calls)
        second = written(theirs, "theirs", *calls)
        assert ours.write_stats.lost == 0
        assert told(ours.read_run(first)) == told(ours.read_run(second))
        assert ours.read_run(first).extra is not None
    theirs.cleanup()
