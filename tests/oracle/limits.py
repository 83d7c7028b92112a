"""Limits so low that small forests reach every way of reading."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runstore.engine.sqlite import stats
from tests.engine.few_limits import lower

LIMITS = {
    "CANDIDATES_MAX": 8,
    "LISTED_MAX": 12,
    "FIRST_CANDIDATES": 4,
    "TRACE_CANDIDATES_MAX": 2,
    "FEW_CANDIDATES": 4,
    "WORD_FORMS_MAX": 2,
    "WORD_FORMS_LISTED": 1,
    "ARRIVAL_VISITS_MAX": 30,
    "LONG_TRACES_MAX": 20,
    "TRACES_WALKED_MAX": 30,
    "TRACE_LISTED": 1,
    "RATING_READS": 0,
}


@contextmanager
def small_limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in LIMITS.items():
            lower(patch, name, value)
        patch.setattr(stats, "CANDIDATES_MAX", 3)
        yield
