"""What `pip install runstore` brings: a light import, and a client that needs no engine."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from runstore import Client
from runstore.engine.memory import MemoryEngine
from tests.docs.test_readme import block
from tests.packaging.conftest import ROOT, Run
from tests.server.live import serve

# What the client must not load: the layers of the server, and what the extras bring.
HEAVY = (
    *("runstore.server", "runstore.store", "runstore.engine", "runstore.sql", "runstore.plan"),
    *("runstore.filter", "runstore.local", "runstore.cli", "apsw", "starlette", "uvicorn", "re2"),
    *("filelock", "prometheus_client", "cyclopts", "rich", "pyarrow", "pandas", "polars", "numpy"),
    *("pydantic", "langsmith"),
)
LOADED = """
import sys
print(*sorted(name for name in sys.modules if name.split(".")[0] != "__main__"))
"""


def loaded_by(run_installed: Run, code: str) -> set[str]:
    return set(run_installed(code + LOADED).stdout.split())


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules for one in HEAVY if name == one or name.startswith(one + ".")}


def test_the_wheel_has_what_is_read_at_run_time_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "runstore/py.typed" in names
    assert "runstore/data/prices.json" in names
    assert any(name.startswith("runstore/sql/sqlite/schema/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tracked = set(
        subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/runstore"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
    )
    strange = [name for name in names if ".dist-info/" not in name and f"src/{name}" not in tracked]
    assert strange == []


def test_it_is_the_installed_package_that_is_tested(run_installed: Run, installed: Path) -> None:
    found = run_installed("import runstore; print(runstore.__file__)").stdout.strip()
    assert Path(found).is_relative_to(installed.parents[1])


def test_import_runstore_loads_nothing_but_itself(run_installed: Run) -> None:
    modules = loaded_by(run_installed, "import runstore\n")
    assert {name for name in modules if name.startswith("runstore")} == {"runstore"}
    assert not {"httpx2", "msgspec", "orjson", "zstandard", "asyncio"} & modules
    assert heavy(modules) == set()


@pytest.mark.parametrize(
    "code",
    [
        "from runstore import *",
        "from runstore import Client; client = Client('http://127.0.0.1:9')",
        "from runstore import AsyncClient; client = AsyncClient('http://127.0.0.1:9')",
        "from runstore import F; text = str((F.latency > 5) & (F.metadata['a'] == 'b'))",
        "import runstore.benchmark.measuring, runstore.benchmark.report",
    ],
    ids=["all names", "a client", "an async client", "filters", "the benchmark"],
)
def test_the_client_loads_no_engine_and_no_extra(run_installed: Run, code: str) -> None:
    assert heavy(loaded_by(run_installed, code)) == set()


def test_the_source_tree_is_as_light() -> None:
    """Also where no wheel can be built."""
    done = subprocess.run(
        [sys.executable, "-c", "from runstore import Client, AsyncClient, F" + LOADED],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert heavy(set(done.stdout.split())) == set()


CONVERSATION = """
import sys
from runstore import Client, F

with Client(sys.argv[1]) as client:
    root = client.create_run("agent", {"q": 1}, "chain", outputs={"a": 2})
    client.create_feedback(root, "score", score=1, background=True)
    assert client.flush(20), client.write_stats
    for run in client.list_runs(project_name="default", filter=F.name == "agent"):
        print(run.name, run.outputs, run.feedback_stats["score"]["avg"])
"""


def test_without_any_extra_the_client_speaks_to_a_server(
    run_installed: Run, tmp_path: Path
) -> None:
    with serve(MemoryEngine(), tmp_path / "server") as live:
        done = run_installed(CONVERSATION, live.url, alone=True)
        assert done.stdout == "agent {'a': 2} 1.0\n"
        with Client(live.url) as ours:
            assert ours.list_runs(project_name="default").count() == 1


def test_without_the_engine_a_folder_says_what_to_install(run_installed: Run) -> None:
    code = """
from runstore import Client
try:
    Client("./traces")
except ImportError as error:
    print(error)
"""
    assert "pip install 'runstore[server]'" in run_installed(code, alone=True).stdout


def test_the_six_lines_of_the_readme_work_where_it_is_installed(run_installed: Run) -> None:
    done = run_installed(block("python", after="## No server"))
    assert done.stdout == "[('agent', {'answer': 'because'})]\n"
    assert done.stderr == ""


def test_the_command_is_installed(run_installed: Run) -> None:
    code = """
from importlib.metadata import entry_points
(command,) = entry_points(group="console_scripts", name="runstore")
print(callable(command.load()))
"""
    assert run_installed(code).stdout == "True\n"


def test_the_command_without_its_extra_says_what_to_install(run_installed: Run) -> None:
    code = """
from importlib.metadata import distribution
(command,) = [one for one in distribution("runstore").entry_points if one.name == "runstore"]
try:
    command.load()()
except SystemExit as ended:
    assert ended.code == 2, ended.code
"""
    said = run_installed(code, alone=True).stderr
    assert "needs cyclopts and rich: pip install 'runstore[cli]'" in said
    assert "Traceback" not in said
