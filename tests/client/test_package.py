"""`import runstore`: what it names, and what it does not load."""

import subprocess
import sys

import pytest

import runstore
from runstore import errors


def run(script: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", runstore.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(runstore, name) is not None
    assert name in dir(runstore)


def test_every_error_can_be_caught_by_a_public_name() -> None:
    public = {name for name in runstore.__all__ if name in vars(errors)}
    assert public == {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RunstoreError)
    }


def test_a_name_that_is_not_there_is_said_so() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clent'"):
        runstore.Clent  # noqa: B018  # type: ignore[attr-defined]


HEAVY = ("httpx2", "msgspec", "orjson", "pyarrow", "pandas", "polars", "apsw", "starlette", "rich")


def test_the_name_alone_loads_nothing() -> None:
    loaded = run(f"import sys, runstore; print([n for n in {HEAVY} if n in sys.modules])")
    assert loaded == "[]"


@pytest.mark.parametrize("use", ["Client('http://h')", "AsyncClient('http://h')", "F.name == 'x'"])
def test_a_client_of_a_server_loads_no_engine(use: str) -> None:
    script = f"""
import sys
import runstore
{"runstore." + use}
layers = ("server", "store", "engine", "sql", "plan", "filter", "local")
print([n for n in sys.modules if n.startswith(tuple("runstore." + one for one in layers))])
print([n for n in ("apsw", "starlette", "uvicorn", "pyarrow", "rich") if n in sys.modules])
"""
    assert run(script) == "[]\n[]"


@pytest.mark.parametrize("client", ["Client", "AsyncClient"])
def test_a_folder_without_the_engine_says_what_to_install(client: str) -> None:
    script = f"""
import importlib.util, sys
import runstore
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "apsw" else find(name, *a)
sys.modules["apsw"] = None
try:
    runstore.{client}("./traces")
except ImportError as error:
    print(error)
"""
    assert "pip install 'runstore[server]'" in run(script)
