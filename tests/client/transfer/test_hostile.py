"""What travels badly: it arrives as it was, through every format, or is refused aloud."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runstore.client.sync import Client
from runstore.client.transfer import content_hash, export_runs, import_runs
from tests.client.transfer.conftest import OpenTarget
from tests.server.wirerun import MULTIPART, json_part, multipart, run, uid


def deep(levels: int) -> Any:
    value: Any = "end"
    for level in range(levels):
        value = {"next": value} if level % 2 else [value]
    return {"deep": value}


PAYLOADS: dict[str, Any] = {
    "half a character": json.loads('{"a": "\\ud83d", "\\udc00": 1}'),
    "a character past the first plane": {"😀": "𝔘"},
    "the end of a line in every form": {"a": "\n\r\u2028\u2029\x85\x0b\x0c\x00"},
    "quotes and backslashes": {'"\\"': "\\\\n"},
    "numbers past 64 bits": {"a": 2**70, "b": -(2**63), "c": 2**64 - 1},
    "numbers at the edge": {"a": 1e308, "b": 5e-324, "c": -0.0, "d": 0.1 + 0.2},
    "nothing, in every form": {"a": None, "b": "", "c": [], "d": {}, "": 0},
    "much text": {"a": "word " * 100_000},
    "many levels": deep(150),
    "many keys": {str(number): number for number in range(3_000)},
    "names of ours": {"session_name": 1, "feedback": [], "attachments": {"a": {"sha256": "x"}}},
}
FIELDS: dict[str, dict[str, Any]] = {
    "the first time": {"start_time": "1970-01-01T00:00:00Z", "dotted_order": None},
    "a time far off": {"end_time": "2199-12-31T23:59:59.999999Z"},
    "a long name": {"name": "n" * 9_000},
    "tags of every kind": {"tags": ["", " ", "a,b", '"', "ü", "\n"]},
    "a long error": {"error": "line\n" * 10_000},
    "an empty project": {"session_name": ""},
    "a project with a path in it": {"session_name": "../../etc\x00"},
    "a kind nobody knows": {"run_type": "Wörk"},
    "metadata of odd names": {"extra": {"metadata": {"a.b": 1, "": 2, "ls_run_depth": "x"}}},
    "extra that is empty": {"extra": {}},
    "events with and without times": {"events": [{"time": 5}, {}, {"time": "never"}]},
}


def write_hostile(url: str) -> list[str]:
    """The ids of what the server took."""
    runs = [run(number, outputs=value) for number, value in enumerate(PAYLOADS.values())]
    runs += [run(number, **said) for number, said in enumerate(FIELDS.values(), len(runs))]
    parts = [json_part(f"post.{one['id']}", one) for one in runs]
    for number, (name, kind) in enumerate(
        [("a b/c", "text/plain"), ("ü%22.pdf", "application/x-odd; a=b"), ("..", "x/y")]
    ):
        parts.append((f"attachment.{uid(number)}.{name}", bytes(range(256)) * number, kind))
    with httpx2.Client(base_url=url, timeout=30) as client:
        answer = client.post("/runs/multipart", content=multipart(*parts), headers=MULTIPART)
        assert answer.status_code == 202, answer.text
        refused = {one["run_id"] for one in answer.json().get("refused", ())}
        for number, value in enumerate([0, False, "", {"a": None}, "ü" * 5_000, 1e300, {}]):
            rated = {"run_id": uid(number), "key": f"k {number}\n", "value": value}
            assert client.post("/feedback", content=json.dumps(rated)).status_code == 200
    return [one["id"] for one in runs if one["id"] not in refused]


@pytest.fixture
def hostile(open_target: OpenTarget) -> tuple[Client, list[str]]:
    source = open_target("server")
    return source, write_hostile(str(source.target))


def test_most_is_taken_by_a_server(hostile: tuple[Client, list[str]]) -> None:
    """So that the tests below are about something."""
    assert len(hostile[1]) >= len(PAYLOADS) + len(FIELDS) - 3


@pytest.mark.parametrize("way", ["jsonl", "jsonl.zst", "parquet", "at once"])
def test_it_arrives_as_it_was(
    hostile: tuple[Client, list[str]], open_target: OpenTarget, tmp_path: Path, way: str
) -> None:
    source, ids = hostile
    asked: Any = {"run_ids": ids}
    want = content_hash(source, attachments=True, **asked)
    target = open_target("folder")
    place: Client | Path = source
    if way != "at once":
        place, asked = tmp_path / f"runs.{way}", {}
        assert export_runs(source, place, run_ids=ids).is_lossless
        assert content_hash(place, attachments=True) == want
    ledger = import_runs(place, target, verify=True, **asked)
    assert (ledger.refusals, ledger.runs.written, ledger.is_lossless) == ([], len(ids), True)
    assert (ledger.feedback.written, ledger.attachments.written) == (7, 3)
    assert content_hash(target, attachments=True, run_ids=ids) == want
    again = import_runs(place, target, **asked)
    assert [count.written for count in again.counts] == [0, 0, 0]
