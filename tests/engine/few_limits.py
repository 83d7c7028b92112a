"""Limits so low that small forests reach every way of reading."""

import pytest

from runstore.engine.sqlite import arrival, asked, by_trace, few, probing, walks


def lower(patch: pytest.MonkeyPatch, name: str, value: int) -> None:
    """A limit of finding runs, wherever it is used."""
    users = [one for one in (arrival, asked, by_trace, few, probing, walks) if hasattr(one, name)]
    assert users, f"nobody uses {name}"
    for module in users:
        patch.setattr(module, name, value)
