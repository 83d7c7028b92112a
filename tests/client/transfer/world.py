"""Runs of every kind that has to travel, written to a server by its own wire."""

import json
from typing import Any

import httpx2

from tests.server.wirerun import MULTIPART, json_part, multipart, run, uid

RUNS = 43
PROJECTS = ("tests", "größe")
PROJECTLESS = 900  # a run of which only a patch has come
FEEDBACK = 2 * 5 + 1
ATTACHMENTS = 3


def fields_of(number: int) -> dict[str, Any]:
    """What is special about a run. Every third begins a trace; the next two are its children."""
    said: dict[str, Any] = {
        "session_name": PROJECTS[number // 3 % 2],
        "end_time": f"2026-03-01T11:00:{number % 60:02d}.000001+00:00",
        "outputs": {"text": "ß" * number, "n": number / 3},
        "extra": {"metadata": {"k": [number, None, {"deep": True}]}, "runtime": {}},
    }
    if number % 3:
        said["parent"] = number - number % 3
    if number % 4 == 0:
        said.update(tags=["b", "a"], error="Traceback\n  ...", run_type="tool", serialized={"s": 1})
    if number % 5 == 0:
        said.update(end_time=None, outputs=None, events=[{"name": "start", "time": "t"}])
    if number % 7 == 0:
        usage = {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}
        said.update(run_type="llm", outputs={"usage_metadata": usage})
    if number == 11:
        metadata = {"ls_is_error_interrupt": True}
        said.update(error="GraphInterrupt()", extra={"metadata": metadata})
    if number == 13:
        said.update(reference_example_id=uid(77), inputs={}, name="")
    if number == 14:
        said.update(end_time=None, outputs=None, status="success")
    return said


def write_world(url: str) -> None:
    """RUNS runs in two projects, and one in none; FEEDBACK records, ATTACHMENTS files."""
    parts = []
    for number in range(RUNS):
        body = run(number, **fields_of(number))
        parts.append(json_part(f"post.{body['id']}", body))
        if number % 20 == 1:
            name = f"attachment.{body['id']}.notes {number}"
            parts.append((name, f"file {number}".encode() * 1000, "text/plain"))
    late = {"id": uid(PROJECTLESS), "trace_id": uid(PROJECTLESS), "outputs": {"late": 1}}
    late["dotted_order"] = f"20260301T100000000000Z{uid(PROJECTLESS)}"
    parts.append(json_part(f"patch.{uid(PROJECTLESS)}", late))
    with httpx2.Client(base_url=url) as client:
        answer = client.post("/runs/multipart", content=multipart(*parts), headers=MULTIPART)
        assert (answer.status_code, answer.json().get("refused")) == (202, None), answer.text
        for number in range(0, RUNS, 10):
            _rate(client, number, 100 + number, key="score", score=number / 4, comment="ok")
            _rate(client, number, 101 + number, key="note", value={"a": [1]}, correction="so")
        source = {"type": "model", "metadata": {"__run": {"run_id": uid(1)}}}
        _rate(client, 1, 200, key="judge", score=True, feedback_source=source, extra={"x": None})


def _rate(client: httpx2.Client, number: int, feedback_id: int, **said: Any) -> None:
    body = {"id": uid(feedback_id), "run_id": uid(number), **said}
    body["created_at"] = f"2026-03-02T10:00:00.{feedback_id:06d}Z"
    answer = client.post("/feedback", content=json.dumps(body))
    assert answer.status_code == 200, answer.text
