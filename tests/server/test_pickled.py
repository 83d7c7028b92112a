"""Whatever one process tells another can be read there."""

import pickle
import threading

import pytest

from runstore.errors import Overloaded
from runstore.server.pickled import pickled


class Demanding(Exception):
    def __init__(self, what: str, why: str) -> None:
        super().__init__(what)
        self.why = why


def test_an_error_arrives_with_what_it_says() -> None:
    told = pickle.loads(pickled(Overloaded("too much", 3)))
    assert isinstance(told, Overloaded)
    assert (str(told), told.retry_after_s) == ("too much", 3)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Demanding("the pages", "read"), id="cannot be read back"),
        pytest.param(ValueError("the pages", threading.Lock()), id="cannot be packed"),
    ],
)
def test_an_error_that_cannot_travel_arrives_as_one_that_can(error: Exception) -> None:
    told = pickle.loads(pickled(error))
    assert isinstance(told, RuntimeError)
    assert "the pages" in str(told)
