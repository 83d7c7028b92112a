"""Processes that end with a folder open: in order, by an exception, killed. Nothing is lost."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.local.ask import WAYS, create, names

BEGIN = """
import asyncio, json, os, signal, sys, threading
from pathlib import Path
from runstore.local import open_async, open_sync
from tests.local.ask import create, names
folder = Path(sys.argv[1])
"""


def run(script: str, folder: Path) -> tuple[int, str]:
    """The exit code, and what was said on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(script), str(folder)],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    return done.returncode, done.stderr


def stored(folder: Path) -> list[str]:
    transport = WAYS["sync"](folder)
    try:
        return names(transport)
    finally:
        transport.close()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("transport = open_sync(folder); transport.send(create(1))", id="sync"),
        pytest.param(
            """
            async def main():
                await open_async(folder).send(create(1))
            asyncio.run(main())
            """,
            id="async",
        ),
        pytest.param(
            """
            import atexit
            transport = open_sync(folder)
            atexit.register(lambda: transport.send(create(1)))
            """,
            id="a hook at exit",
        ),
        pytest.param(
            """
            transport = open_sync(folder)
            threading.Thread(target=lambda: transport.send(create(1))).start()
            """,
            id="a thread that outlives the first",
        ),
        pytest.param(
            """
            from concurrent.futures import ThreadPoolExecutor
            import time
            transport = open_sync(folder)
            def work():
                time.sleep(0.2)
                transport.send(create(1))
            ThreadPoolExecutor(1).submit(work)
            """,
            id="a pool that outlives the first",
        ),
    ],
)
def test_who_does_not_close_loses_nothing(tmp_path: Path, script: str) -> None:
    assert run(script, tmp_path) == (0, "")
    assert stored(tmp_path) == ["run 1"]
    assert not (tmp_path / "writer.json").exists()


def test_an_error_is_the_callers_alone(tmp_path: Path) -> None:
    script = """
        from runstore.errors import FolderNotFound
        transport = open_sync(folder / "none")
        try:
            names(transport)
        except FolderNotFound:
            sys.exit(7)
    """
    assert run(script, tmp_path) == (7, "")


def test_a_stream_does_not_keep_the_process(tmp_path: Path) -> None:
    script = """
        transport = open_sync(folder)
        transport.send(create(1))
        from tests.local.ask import post
        stream = transport.stream(post("/runs/tail", {}))
        pieces = stream.__enter__()
        print(next(pieces))
    """
    assert run(script, tmp_path) == (0, "")


def test_what_a_killed_process_wrote_is_read_and_written_on(tmp_path: Path) -> None:
    script = """
        transport = open_sync(folder)
        transport.send(create(1))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run(script, tmp_path) == (-signal.SIGKILL, "")
    assert (tmp_path / "writer.json").exists()
    (tmp_path / "runs.db-shm").unlink()  # as after a loss of power: to be made from the log anew
    assert stored(tmp_path) == ["run 1"]
    transport = WAYS["sync"](tmp_path)
    assert transport.send(create(2)).status == 202
    transport.close()
    assert stored(tmp_path) == ["run 2", "run 1"]


def test_importing_it_imports_no_engine(tmp_path: Path) -> None:
    script = """
        engine = {"apsw", "starlette", "runstore.engine", "runstore.server"} & set(sys.modules)
        sys.exit(1 if engine else 0)
    """
    assert run(script, tmp_path) == (0, "")
