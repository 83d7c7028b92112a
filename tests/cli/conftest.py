"""The command, called in this process: on a server and on a folder, with a world in each."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from runstore.cli.main import app
from runstore.cli.problems import run
from runstore.client.drive import drive
from runstore.client.sync import Client
from tests.client.conftest import Place, open_place
from tests.client.world import write_world


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """Of a table in a pipe."""
        return [line.split("\t") for line in self.out.splitlines()]


Say = Callable[..., Said]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "API_KEY", "WORKSPACE_ID", "PROJECT"):
        monkeypatch.delenv(f"LANGSMITH_{name}", raising=False)
        monkeypatch.delenv(f"LANGCHAIN_{name}", raising=False)
    monkeypatch.delenv("RUNSTORE_DATA", raising=False)


@pytest.fixture(scope="module", params=["http", "folder"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """With the world of tests/client/world.py in it; to be read only."""
    with open_place(request.param, tmp_path_factory.mktemp("place")) as found:
        with Client(found.target) as writer:
            drive(write_world(), writer._transport)
        yield found


@pytest.fixture(params=["http", "folder"])
def own_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """An empty one of the test's own, to write to."""
    with open_place(request.param, tmp_path_factory.mktemp("own")) as found:
        yield found


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """say("list", "--limit", "3"): the command's words."""

    def say(*words: str) -> Said:
        capsys.readouterr()
        try:
            code = run(app, words)
        except SystemExit as end:
            assert isinstance(end.code, int)
            code = end.code
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return say
