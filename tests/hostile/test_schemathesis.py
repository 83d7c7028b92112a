"""A few of the requests of `make hostile`, the same ones each time."""

from pathlib import Path

from runstore.engine.sqlite.engine import SqliteEngine
from tests.hostile.probe import probe
from tests.server.live import serve

KEY = "key"
EXAMPLES = 4


def test_no_answer_is_a_server_error_or_other_than_documented(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serve(SqliteEngine(data), data, KEY) as server:
        report = probe(server.url, KEY, tmp_path, examples=EXAMPLES, seed=1, whole=False)
    assert report.is_clean, report.text
    assert "Stateful" in report.text, "it ran to its end"
