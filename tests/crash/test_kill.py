"""SIGKILL under mixed load, also while the disk is full; `make crash` does it many times."""

from pathlib import Path

import pytest
from bench.server import Server

from tests.crash.disk import MIB, disk_or_skip, server_on
from tests.crash.rounds import Moment, Rounds, damages

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


@pytest.mark.timeout(120)
def test_what_was_acknowledged_survives_a_disk_that_fills_up_under_load(tmp_path: Path) -> None:
    with disk_or_skip(tmp_path / "disk", 64 * MIB) as disk, server_on(disk) as server:
        outcome = Rounds(server, 7, 300, disk).run(0, Moment.FULL)
        assert outcome.problems == []
        assert server.stop() == 0
        assert damages(server.data) == []
