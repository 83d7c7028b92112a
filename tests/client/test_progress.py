"""A bar is for people who wait at a terminal."""

import io
import sys

import pytest

from runstore.client.progress import watch


class Stderr(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: is_terminal  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "progress, is_terminal, is_shown",
    [
        pytest.param(None, True, True, id="a terminal"),
        pytest.param(None, False, False, id="no terminal"),
        pytest.param(False, True, False, id="not wanted"),
        pytest.param(True, False, True, id="insisted on"),
    ],
)
def test_where_a_bar_is_shown(
    monkeypatch: pytest.MonkeyPatch, *, progress: bool | None, is_terminal: bool, is_shown: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", Stderr(is_terminal=is_terminal))
    with watch(progress, 10) as on_runs:
        assert (on_runs is not None) == is_shown
        if on_runs is not None:
            on_runs(5)


@pytest.mark.parametrize("progress", [None, True])
def test_without_rich_a_wish_is_dropped_and_a_demand_is_not(
    monkeypatch: pytest.MonkeyPatch, *, progress: bool | None
) -> None:
    monkeypatch.setattr(sys, "stderr", Stderr(is_terminal=True))
    monkeypatch.setitem(sys.modules, "rich.console", None)
    if progress is None:
        with watch(progress, None) as on_runs:
            assert on_runs is None
    else:
        with pytest.raises(ImportError, match=r"runstore\[cli\]"), watch(progress, None):
            pass
