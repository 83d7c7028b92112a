"""The command, called in this process: on a server and on a folder, with a world in each."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from runstore.cli.main import app
from runstore.cli.problems import run
from tests.client.conftest import Place, forget_environment, open_place, place

__all__ = ["place"]  # the fixture, for the tests of this folder too


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
    forget_environment(monkeypatch)
    monkeypatch.delenv("RUNSTORE_DATA", raising=False)


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
