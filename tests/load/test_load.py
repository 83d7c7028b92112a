"""The load tests, as small as they can be: what happens, and never how long it takes."""

from pathlib import Path

from bench.load import load
from bench.server import Server

from runstore.benchmark.generate import generate
from tests.load import fairness, overload


def test_clients_that_filter_are_answered_beside_an_export(tmp_path: Path) -> None:
    bodies = generate(tmp_path / "bodies", 1_500, 1)
    with Server(tmp_path / "data") as server:
        load(server, bodies, connections=4)
        size = fairness.Size(clients=6, exporters=2, seconds=1.5, rounds=1)
        outcome = fairness.measure(server, bodies.facts, size)
    assert outcome.problems == []
    assert outcome.alone
    assert outcome.beside
    assert outcome.exported_runs > 0


def test_of_what_is_sent_beyond_what_is_taken_nothing_is_missing(tmp_path: Path) -> None:
    """There is room for four bodies at a time, and twelve senders."""
    size = overload.Size(seconds=1.0, calibrating=10, threads=6)
    with Server(tmp_path / "data", settings={"RUNSTORE_INGEST_QUEUE_MIB": "1"}) as server:
        outcome = overload.measure(server, size)
    assert outcome.problems() == []
    assert outcome.bodies > size.calibrating
