"""The real SDK's requests -> fixtures/*.http. Run as `python -m tests.wire.capture`.

A server on loopback answers just enough; each request worth keeping is written as it came: request
line, headers that matter, blank line, body. The scenes say nothing of the machine they run on.
"""

import asyncio
import json
import os
import re
import threading
import uuid
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

FIXTURES = Path(__file__).parent / "fixtures"
_KEPT_HEADERS = ("Content-Type", "Content-Encoding", "X-Pre-Compressed-Size")
_PROJECT_ID = "5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a001"
_RUN_ID = "5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a002"
_START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
_END = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)
_INFO: dict[str, Any] = {
    "version": "0.16.14",
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
        "size_limit": 100,
        "size_limit_bytes": 20971520,
    },
    "instance_flags": {"zstd_compression_enabled": True},
}
_PROJECT = {
    "id": _PROJECT_ID,
    "name": "capture",
    "tenant_id": str(uuid.UUID(int=1)),
    "reference_dataset_id": None,
}


class Recorded(NamedTuple):
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Recorder:
    """A server that keeps every request and answers like a LangSmith with nothing in it."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.requests: list[Recorded] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                recorder.requests.append(self._request())
                self._answer(202, recorder.answer(self.path))

            do_PATCH = do_POST

            def do_GET(self) -> None:
                if self.path.startswith("/info"):
                    self._answer(200, info)
                else:
                    recorder.requests.append(self._request())
                    self._answer(200, recorder.answer(self.path))

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

            def _request(self) -> Recorded:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                return Recorded(self.command, self.path, dict(self.headers.items()), body)

            def _answer(self, status: int, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @staticmethod
    def answer(target: str) -> Any:
        if target.startswith("/sessions/"):
            return _PROJECT
        if target.startswith("/sessions"):
            return [_PROJECT] if "?" in target else _PROJECT
        if target.startswith("/feedback"):
            return []
        return {"runs": [], "cursors": {}}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def write_fixture(name: str, request: Recorded) -> None:
    lines = [f"{request.method} {request.target}"]
    lines += [f"{key}: {request.headers[key]}" for key in _KEPT_HEADERS if key in request.headers]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    (FIXTURES / f"{name}.http").write_bytes(head + request.body)


def read_fixture(name: str) -> Recorded:
    head, _, body = (FIXTURES / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    method, _, target = line.partition(" ")
    headers = dict(header.split(": ", 1) for header in lines)
    return Recorded(method, target, headers, body)


# --- scenes


def _client(recorder: Recorder, **options: Any) -> Any:
    from langsmith import Client

    return Client(api_url=recorder.url, api_key="none", omit_traced_runtime_info=True, **options)


def _trace_a_tree(client: Any) -> None:
    """What a traced agent sends: a chain, a model call with usage, a tool that failed."""
    from langsmith import schemas, traceable
    from langsmith.run_helpers import get_current_run_tree, trace

    @traceable(run_type="llm", name="model", client=client, metadata={"ls_provider": "none"})
    def model(messages: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "role": "assistant",
            "content": "Grüße, 世界",
            "usage_metadata": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
        }

    @traceable(name="agent", client=client, tags=["prod", "v2"], metadata={"user": "u-1"})
    def agent(question: str, picture: schemas.Attachment) -> str:
        answer = model([{"role": "user", "content": question}])
        with trace("lookup", run_type="tool", inputs={"q": question}, client=client) as tool:
            tool.end(error="ValueError('not found')")
        tree = get_current_run_tree()
        assert tree is not None
        client.create_feedback(
            key="helpful",
            score=1,
            comment="good",
            run_id=tree.id,
            trace_id=tree.trace_id,
            session_id=_PROJECT_ID,
        )
        return str(answer["content"])

    os.environ["LANGSMITH_TRACING"] = "true"
    picture = schemas.Attachment(mime_type="image/png", data=b"\x89PNG\r\n\x1a\n--\r\n--x")
    agent("how many?", picture)
    client.flush()


def _one_run(client: Any) -> None:
    run_id = uuid.UUID(_RUN_ID)
    order = f"20260102T030405678901Z{run_id}"
    place = {"trace_id": run_id, "dotted_order": order}
    client.create_run(
        "one", {"q": 1}, "chain", id=run_id, project_name="capture", start_time=_START, **place
    )
    client.flush()
    client.update_run(run_id, outputs={"a": 2}, end_time=_END, error=None, **place)
    client.flush()


def _feedback(client: Any) -> None:
    client.create_feedback(
        _RUN_ID, "score", score=0.5, value="fair", correction={"a": 3}, session_id=_PROJECT_ID
    )
    client.update_feedback(_RUN_ID, score=True, comment=None)
    list(client.list_feedback(run_ids=[_RUN_ID], feedback_key=["a", "b"], limit=5))


def _projects(client: Any) -> None:
    client.create_project("capture", description="d", metadata={"k": 1})
    client.update_project(_PROJECT_ID, name="renamed", end_time=_END)
    list(client.list_projects(name_contains="cap", metadata={"k": 1}, reference_free=True))
    client.read_project(project_name="capture")


def _query(client: Any) -> None:
    list(
        client.list_runs(
            project_id=_PROJECT_ID,
            run_type="llm",
            trace_id=_RUN_ID,
            parent_run_id=_RUN_ID,
            start_time=_START.replace(tzinfo=None),
            end_time=_END,
            error=False,
            is_root=True,
            query="two words",
            filter='eq(name, "x")',
            trace_filter='has(tags, "a")',
            tree_filter='eq(status, "error")',
            limit=7,
            order="asc",
        )
    )
    client.get_run_stats(project_ids=[_PROJECT_ID], run_type="llm", is_root=True)


def _async_query(client: Any) -> None:
    from langsmith import AsyncClient

    async def ask() -> None:
        async with AsyncClient(api_url=client.api_url, api_key="none") as asking:
            async for _ in asking.list_runs(run_ids=[_RUN_ID], select=["id", "inputs"], limit=3):
                pass

    asyncio.run(ask())


_PLAIN = {**_INFO, "instance_flags": {}}
_BATCH = {
    **_PLAIN,
    "batch_ingest_config": {**_INFO["batch_ingest_config"], "use_multipart_endpoint": False},
}
_Scene = tuple[dict[str, Any], dict[str, Any], Callable[[Any], None], tuple[str, ...]]
# Name of the scene -> /info, options of Client, what is done, names of the fixtures in order.
_SCENES: dict[str, _Scene] = {
    "zstd": (_INFO, {}, _trace_a_tree, ("multipart_zstd",)),
    "multipart": (_PLAIN, {}, _trace_a_tree, ("multipart_plain",)),
    "patch": (_PLAIN, {}, _one_run, ("multipart_create", "multipart_patch")),
    "batch": (_BATCH, {}, _one_run, ("batch_create", "batch_patch")),
    "single": (_INFO, {"auto_batch_tracing": False}, _one_run, ("run_create", "run_patch")),
    "feedback": (_INFO, {}, _feedback, ("feedback_create", "feedback_patch", "feedback_list")),
    "projects": (
        _INFO,
        {},
        _projects,
        ("project_create", "project_patch", "project_list", "project_read"),
    ),
    "query": (_INFO, {}, _query, ("runs_query", "runs_stats")),
    "async": (_INFO, {}, _async_query, ("runs_query_async",)),
}


def main() -> None:
    FIXTURES.mkdir(exist_ok=True)
    for name in [name for name in os.environ if re.match("LANG(SMITH|CHAIN)_", name)]:
        del os.environ[name]
    os.environ["LANGSMITH_PROJECT"] = "capture"
    warnings.simplefilter("ignore")
    for scene, (info, options, act, names) in _SCENES.items():
        recorder = Recorder(info)
        client = _client(recorder, **options)
        act(client)
        client.cleanup()
        recorder.close()
        if len(recorder.requests) != len(names):
            seen = [f"{one.method} {one.target}" for one in recorder.requests]
            raise SystemExit(f"{scene}: expected {names}, saw {seen}")
        for fixture, request in zip(names, recorder.requests, strict=True):
            write_fixture(fixture, request)


if __name__ == "__main__":
    main()
