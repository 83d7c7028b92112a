"""list_runs and what it gives: the same over HTTP and on a folder, sync and async."""

from typing import Any

import pytest

from runstore import Client
from tests.client.world import APP, MANY, MANY_PROJECT, id_of


def names(client: Client, **asked: Any) -> list[str]:
    return [run.name for run in client.list_runs(**asked)]


def test_all_pages_come_newest_first(client: Client) -> None:
    found = names(client, project_name=MANY_PROJECT)
    assert found == [f"step {number}" for number in reversed(range(MANY))]


@pytest.mark.parametrize("limit", [1, 2, 100, 101, 999, 1_000, 1_001, MANY, MANY + 1])
def test_limit_is_the_number_of_runs_in_all(client: Client, limit: int) -> None:
    assert len(client.list_runs(project_name=MANY_PROJECT, limit=limit).to_list()) == min(
        limit, MANY
    )


@pytest.mark.parametrize(
    "asked, expected",
    [
        pytest.param({"project_name": APP, "is_root": True}, ["lonely", "agent"], id="roots"),
    ],
)
def test_what_is_asked_is_what_comes(
    client: Client, asked: dict[str, Any], expected: list[str]
) -> None:
    assert names(client, **asked) == expected
    assert id_of("agent")
