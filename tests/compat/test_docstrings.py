"""The examples in the documentation of `list_runs`, run word for word, in both clients."""

import re
import textwrap
from datetime import datetime, timedelta
from typing import Any

import pytest
from langsmith import AsyncClient, Client

from tests.compat.conftest import RunAsync
from tests.compat.world import World

MODELS = {"good.extractor.model", "bad.extractor.model", "short.model"}
ALL = {
    *("good", "good.extractor", "good.extractor.model", "good.search"),
    *("bad", "bad.extractor", "bad.extractor.model", "bad.search"),
    *("short", "short.model"),
}
ANSWERS = {
    "project_runs": ALL,
    "todays_llm_runs": MODELS,
    "root_runs": {"good", "bad", "short"},
    "correct_runs": ALL - {"bad.search"},
    "input_output_runs": ALL,
    "selected_runs": {"good", "bad"},
    "chain_runs": {"good", "good.extractor"},
    "good_extractor_runs": {"good.extractor"},
    "complex_runs": {"bad", "bad.search"},
    "tagged_runs": {"good", "bad"},
}


def examples(documentation: str | None) -> str:
    """The Python block of a docstring."""
    found = re.search(r"```python\n(.*?)```", textwrap.dedent(documentation or ""), re.DOTALL)
    assert found is not None, "the documentation has no Python block any more"
    return textwrap.dedent(found[1])


def run_examples(code: str, client: Any) -> dict[str, Any]:
    """What each variable of the examples is bound to."""
    names: dict[str, Any] = {"client": client, "datetime": datetime, "timedelta": timedelta}
    known = set(names) | {"__builtins__", "run_ids"}
    exec(code, names)
    return {name: value for name, value in names.items() if name not in known}


@pytest.mark.parametrize("documented", [Client, AsyncClient])
def test_every_example_is_known(documented: Any) -> None:
    class Recorder:
        def list_runs(self, **arguments: Any) -> dict[str, Any]:
            return arguments

    assert run_examples(examples(documented.list_runs.__doc__), Recorder()).keys() == ANSWERS.keys()


@pytest.mark.parametrize("name", ANSWERS)
def test_an_example_of_the_client(client: Client, world: World, name: str) -> None:
    runs = run_examples(examples(Client.list_runs.__doc__), client)[name]
    assert world.labels([run.id for run in runs]) == ANSWERS[name]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_example_of_the_async_client(run_async: RunAsync, world: World, name: str) -> None:
    async def ask(client: AsyncClient) -> list[Any]:
        found = run_examples(examples(AsyncClient.list_runs.__doc__), client)
        return [run.id async for run in found[name]]

    assert world.labels(run_async(ask)) == ANSWERS[name]
