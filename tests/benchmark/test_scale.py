"""A folder filled with clones of a template is as sound as one that was sent to."""

from pathlib import Path

import pytest
from bench import scale

from runstore.engine.sqlite import dictionary
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.query import RunQuery
from runstore.plan.build import build_scope
from runstore.store.verify import verify_folder

TEMPLATE, CLONES = 400, 3


@pytest.mark.timeout(120)
def test_clones_are_whole_runs_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "TEMPLATE_RUNS", TEMPLATE)
    monkeypatch.setattr(dictionary, "DICTIONARY_SAMPLE_BYTES", 50_000)
    facts = scale.fill(tmp_path, scale.Scale(TEMPLATE * CLONES, 1, "a test"))
    assert [one for found in verify_folder(tmp_path) for one in found.problems] == []
    engine = SqliteEngine(tmp_path, read_only=True)
    everything = engine.count_runs(build_scope(RunQuery()))
    named = engine.count_runs(build_scope(RunQuery(ids=tuple(facts.run_ids))))
    engine.close()
    assert (everything, named) == (TEMPLATE * CLONES, len(set(facts.run_ids)))
