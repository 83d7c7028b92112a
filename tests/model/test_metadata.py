from typing import Any

import pytest

from runstore.model.metadata import has_entries, json_equal
from tests.model.make import json


@pytest.mark.parametrize(
    "one, other, equal",
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        ("1", 1, False),
        (None, None, True),
        (None, 0, False),
        ([1, [2]], [1.0, [2]], True),
        ([1], [True], False),
        ([1], [1, 1], False),
        ({"a": {"b": 1}}, {"a": {"b": 1.0}}, True),
        ({"a": {"b": 1}}, {"a": {"b": True}}, False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ({}, [], False),
    ],
)
def test_json_values_are_equal_by_type_and_value(one: Any, other: Any, equal: bool) -> None:
    assert json_equal(one, other) is equal
    assert json_equal(other, one) is equal


@pytest.mark.parametrize(
    "extra, wanted, has",
    [
        pytest.param({"metadata": {"a": 1, "b": 2}}, {"a": 1}, True, id="one of two"),
        pytest.param({"metadata": {"a": 1}}, {"a": 1, "b": 2}, False, id="one is missing"),
        pytest.param({"metadata": {"a": 1}}, {"a": 2}, False, id="another value"),
        pytest.param({"metadata": {"a": 1}}, {}, True, id="nothing wanted"),
        pytest.param({"a": 1}, {"a": 1}, False, id="beside the metadata"),
        pytest.param({"metadata": [1]}, {"a": 1}, False, id="no object"),
        pytest.param(None, {"a": 1}, False, id="nothing there"),
        pytest.param(None, {}, True, id="nothing there, nothing wanted"),
    ],
)
def test_metadata_has_all_that_is_wanted(extra: Any, wanted: dict[str, Any], has: bool) -> None:
    assert has_entries(None if extra is None else json(extra), json(wanted)) is has
