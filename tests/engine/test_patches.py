"""What the writer spares itself when a patch changes little, and what it takes from elsewhere."""

import pickle
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from runstore.engine.sqlite import dictionary, group
from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.batch import Batch
from runstore.model.run import RunMessage
from tests.conformance.ask import NOW, batch_of
from tests.model.make import T0, S, create, patch

TIMES = ("2026-01-02T03:04:05.000001+00:00", "2026-01-02T03:04:05.000002+00:00")
EXTRA = {"metadata": {"user_id": "Ada", "turn": 1, "vip": True}, "runtime": {"sdk": "py"}}
USAGE = {"input_tokens": 3, "output_tokens": 4}
SAID: dict[str, tuple[Any, ...]] = {
    "name": ("agent", "Agent two"),
    "run_type": ("llm", "chain", "tool"),
    "tags": (("a",), ("a", "b c")),
    "error": ("Refused: é", "spending"),
    "status": ("success", "pending"),
    "end_us": (T0 + S, T0 + 2 * S),
    "inputs": ({"q": "tea"}, {"q": ["tea", 2]}),
    "outputs": ({"a": "green"}, {"usage_metadata": USAGE}, {"llm_output": {"token_usage": USAGE}}),
    "extra": (
        EXTRA,
        EXTRA,
        {"metadata": {"user_id": "Bob", "usage_metadata": USAGE}},
        {"metadata": {"ls_is_error_interrupt": True, "ls_model_name": "gpt-4o"}},
        {"metadata": {"usage\u0000": 1}},
        {},
    ),
    "events": (
        [{"name": "start", "time": TIMES[0]}],
        [{"name": "start", "time": TIMES[0]}, {"name": "new_token", "time": TIMES[1]}],
        [{"name": "new_token", "time": TIMES[1]}, {"name": "start", "time": TIMES[0]}],
        [{"name": "start", "time": TIMES[0]}, {"name": "start", "time": TIMES[0]}],
    ),
    "serialized": ({"id": ["x"]},),
}


def told(draw: Random) -> list[list[RunMessage]]:
    """Runs posted, some repeated in part by patches, in requests of their own or together."""
    requests: list[list[RunMessage]] = [[]]
    for number in range(1, 25):
        path = (1,) if number == 1 else (1, number)
        first = _some(draw, 0.6)
        messages = [create(*path, **first)]
        for _ in range(draw.randrange(3)):
            repeated = {name: value for name, value in first.items() if draw.random() < 0.7}
            messages.append(patch(*path, **(repeated | _some(draw, 0.3))))
        if draw.random() < 0.1:
            messages.reverse()
        for message in messages:
            if draw.random() < 0.4:
                requests.append([])
            requests[-1].append(message)
    return requests


def _some(draw: Random, share: float) -> dict[str, Any]:
    return {name: draw.choice(values) for name, values in SAID.items() if draw.random() < share}


def everything(folder: Path) -> dict[str, list[Any]]:
    """Rows, payloads and the terms of each run."""
    with apsw.Connection(str(folder / DATABASE)) as connection:
        connection.execute(
            "CREATE VIRTUAL TABLE temp.v USING fts5vocab('main', 'inverted', 'instance')"
        )
        found: dict[str, list[Any]] = {
            "terms": connection.execute(
                "SELECT doc, col, term FROM temp.v ORDER BY 1, 2, 3"
            ).fetchall(),
            "runs": connection.execute("SELECT * FROM runs ORDER BY rid").fetchall(),
            "payloads": connection.execute("SELECT * FROM payloads ORDER BY rid").fetchall(),
        }
    connection.close()
    return found


def written(
    folder: Path, requests: list[list[RunMessage]], group_size: int
) -> dict[str, list[Any]]:
    engine = SqliteEngine(folder)
    prepared = [engine.prepare(batch_of(*messages), NOW) for messages in requests]
    sent = pickle.loads(pickle.dumps(prepared))
    for at in range(0, len(sent), group_size):
        assert not any(engine.write(sent[at : at + group_size], NOW))
    engine.close()
    return everything(folder)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("group_size", [1, 100])
def test_what_is_kept_of_a_patched_run_is_what_would_be_made_anew(
    seed: int, group_size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = told(Random(seed))
    sparing = written(tmp_path / "sparing", requests, group_size)
    monkeypatch.setattr(group, "document_of_changed", lambda *_: None)
    anew = written(tmp_path / "anew", told(Random(seed)), group_size)
    for table, rows in anew.items():
        assert sparing[table] == rows, table


def test_an_ordinary_patch_makes_no_document_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = {"inputs": {"q": "tea"}, "extra": EXTRA, "events": SAID["events"][0]}
    ended = started | {"outputs": {"a": "green"}, "end_us": T0 + S, "events": SAID["events"][1]}
    engine = SqliteEngine(tmp_path)
    first, second = (
        pickle.loads(pickle.dumps(engine.prepare(batch_of(one), NOW)))
        for one in (create(1, **started), patch(1, **ended))
    )
    monkeypatch.setattr(group, "document_of", None)
    assert engine.write([first], NOW) == [[]]
    assert engine.write([second], NOW) == [[]]
    engine.close()


def test_a_dictionary_is_trained_on_runs_prepared_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionary, "DICTIONARY_SAMPLE_BYTES", 100_000)
    engine = SqliteEngine(tmp_path)
    text = "where is order %d of the customer, and what has been refunded of it so far? " * 3
    runs = [create(n, inputs={"question": text % (n, n, n)}) for n in range(1, 600)]
    batch: Batch = pickle.loads(pickle.dumps(engine.prepare(batch_of(*runs), NOW)))
    assert engine.write([batch], NOW) == [[]]
    training = engine._trainer._thread
    assert training is not None
    training.join()
    assert engine.write([batch_of(create(1_000, inputs={}))], NOW) == [[]]
    assert engine._codec.has_dictionary
    engine.close()
