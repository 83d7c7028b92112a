"""Every snippet of docs/client.md runs, in order, and prints what the guide says it prints."""

import ast
import asyncio
import contextlib
import inspect
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import open_engine, serve

GUIDE = Path(__file__).parents[2] / "docs" / "client.md"
SNIPPET = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
URL = "http://127.0.0.1:1984"


def run_snippet(code: str, names: dict[str, Any], at: str, runner: asyncio.Runner) -> str:
    """What it printed. A snippet may await, as in a notebook."""
    compiled = compile(code, at, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = eval(compiled, names)
        if inspect.iscoroutine(result):
            runner.run(result)
    return printed.getvalue()


def test_every_snippet_prints_what_the_guide_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PROJECT", "API_KEY", "WORKSPACE_ID", "ENDPOINT"):
        monkeypatch.delenv(f"LANGSMITH_{name}", raising=False)
        monkeypatch.delenv(f"LANGCHAIN_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text()
    names: dict[str, Any] = {}
    with (
        serve(open_engine("sqlite", tmp_path / "server"), tmp_path / "server") as live,
        asyncio.Runner() as runner,
    ):
        for snippet in SNIPPET.finditer(text):
            line = text.count("\n", 0, snippet.start()) + 2
            code = "\n" * (line - 1) + snippet[1].replace(URL, live.url)
            printed = run_snippet(code, names, str(GUIDE), runner)
            assert printed == (snippet[2] or ""), f"docs/client.md, line {line}"


def test_the_guide_has_a_snippet_for_every_everyday_task() -> None:
    code = "\n".join(found[1] for found in SNIPPET.finditer(GUIDE.read_text()))
    for task in (
        *("list_runs(", "read_run(", "read_trace(", "get_run_stats(", "filter=", "tree_filter="),
        *(".count()", ".first()", ".pages()", "cursor=", ".explain()", "to_pandas()", "to_arrow()"),
        *("to_polars()", "to_parquet(", "create_run(", "update_run(", ".flush()", "write_stats"),
        *("create_feedback(", "list_feedback(", "create_project(", "list_projects(", ".tail("),
        *("AsyncClient(", "export_runs(", "import_runs(", "delete_traces(", 'Client("./traces")'),
        *("except FilterError", "F.metadata[", "F.feedback["),
    ):
        assert task in code, task
