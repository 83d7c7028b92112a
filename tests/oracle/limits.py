"""Limits so low that small forests reach every way of reading."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runstore.engine.sqlite import arrival, finder, stats


@contextmanager
def small_limits() -> Iterator[None]:
    changes = {
        (finder, "CANDIDATES_MAX"): 8,
        (finder, "FIRST_CANDIDATES"): 4,
        (finder, "TRACE_CANDIDATES_MAX"): 2,
        (finder, "FEW_CANDIDATES"): 4,
        (finder, "WORD_FORMS_MAX"): 2,
        (finder, "WORD_FORMS_LISTED"): 1,
        (arrival, "ARRIVAL_VISITS_MAX"): 30,
        (stats, "CANDIDATES_MAX"): 3,
    }
    with pytest.MonkeyPatch.context() as patch:
        for (module, name), value in changes.items():
            patch.setattr(module, name, value)
        yield
