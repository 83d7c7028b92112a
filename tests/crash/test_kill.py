"""SIGKILL during ingest; `make crash` does the same fifty times."""

from pathlib import Path

import pytest
from bench.server import Server

from tests.crash.rounds import Rounds, damages

KILLS = 2


@pytest.mark.timeout(120)
def test_what_was_acknowledged_survives_a_killed_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(data) as server:
        rounds = Rounds(server, seed=7, runs_per_round=300)
        for number in range(KILLS):
            outcome = rounds.run(number)
            assert outcome.acknowledged > 0, "killed before anything was acknowledged"
            assert outcome.problems == []
        assert rounds.check_everything() == []
    assert damages(data) == []
