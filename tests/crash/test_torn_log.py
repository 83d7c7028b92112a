"""A log torn after a kill: exactly what was written before the tear is there."""

from pathlib import Path

import pytest

from tests.crash.torn import make_history, tears

TEARS = 14


@pytest.mark.timeout(120)
def test_a_torn_log_leaves_the_transactions_before_the_tear_whole_and_no_other(
    tmp_path: Path,
) -> None:
    history = make_history(tmp_path)
    torn = list(tears(history, TEARS, 7, tmp_path))
    assert [one for one in torn if one.problems] == []
    held = [history.held(one.first_wrong) for one in torn]
    assert min(held) < max(held) - len(history.ends) // 2, "tears in early and in late places"
