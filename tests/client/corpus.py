"""Questions about the world of world.py, and the names of the runs that answer them."""

from datetime import timedelta
from typing import Any

import pytest

from runstore import F
from tests.client.world import APP, EMPTY, START, id_of

MODEL = "agent.extractor.model"
ALL = ["agent", "extractor", "model", "search", "lonely"]
TWELVE = START + timedelta(seconds=12)
IN_APP: dict[str, Any] = {"project_name": APP}


def _case(says: str, asked: dict[str, Any], expected: list[str]) -> Any:
    return pytest.param(asked, expected, id=says)


# fmt: off
CORPUS = [
    _case("a project", IN_APP, ALL),
    _case("two projects", {"project_name": (APP, EMPTY)}, ALL),
    _case("a project of nothing", {"project_name": EMPTY}, []),
    _case("roots", IN_APP | {"is_root": True}, ["agent", "lonely"]),
    _case("no roots", IN_APP | {"is_root": False}, ["extractor", "model", "search"]),
    _case("failed", IN_APP | {"error": True}, ["search"]),
    _case("not failed", IN_APP | {"error": False}, ["agent", "extractor", "model", "lonely"]),
    _case("a type", IN_APP | {"run_type": "llm"}, ["model"]),
    _case("a trace", {"trace_id": id_of("agent")}, ["agent", "extractor", "model", "search"]),
    _case("children", {"parent_run_id": id_of("agent")}, ["extractor", "search"]),
    _case("ids", {"run_ids": {id_of("agent"), id_of(MODEL)}}, ["agent", "model"]),
    _case("ids by their other name", {"id": [id_of("lonely")]}, ["lonely"]),
    _case("ids and a restriction", {"run_ids": [id_of("agent"), id_of(MODEL)], "run_type": "llm"},
          ["model"]),
    _case("an unknown id", {"run_ids": [id_of("nobody")]}, []),
    _case("from a time", IN_APP | {"start_time": TWELVE}, ["search", "lonely"]),
    _case("from a local time", IN_APP | {"start_time": TWELVE.astimezone().replace(tzinfo=None)},
          ["search", "lonely"]),
    _case("ended before a time", IN_APP | {"end_time": TWELVE}, ["model"]),
    _case("full text", IN_APP | {"query": "carrier"}, ["search"]),
    _case("all projects", {"all_projects": True, "run_type": "llm"}, ["model"]),
    _case("a filter", IN_APP | {"filter": 'gt(total_tokens, 5000)'},
          ["agent", "extractor", "model"]),
    _case("of a trace whose root",
          IN_APP | {"filter": F.run_type == "tool", "trace_filter": F.feedback["user_score"] == 1},
          ["search"]),
    _case("with a failure somewhere", IN_APP | {"is_root": True, "tree_filter": F.error.exists()},
          ["agent"]),
    _case("latency", IN_APP | {"filter": F.latency > timedelta(seconds=11.5)},
          ["agent", "extractor"]),
    _case("tags", IN_APP | {"filter": F.tags.has("prod") & ~F.tags.has("dev")}, ["agent"]),
    _case("metadata", IN_APP | {"filter": F.metadata["tenant"] == "acme"}, ["agent", "extractor"]),
    _case("nested metadata", IN_APP | {"filter": F.metadata["plan.tier"].in_(["pro", "max"])},
          ["agent"]),
    _case("inputs", IN_APP | {"filter": F.inputs["label"].like("%.search")}, ["search"]),
    _case("outputs", IN_APP | {"filter": F.outputs["text"] == "é"}, ["model"]),
    _case("either", IN_APP | {"filter": (F.name == "agent") | (F.name == "lonely")},
          ["agent", "lonely"]),
    _case("a thread", IN_APP | {"filter": F.thread_id == "t-1"}, ["agent"]),
    _case("still running", IN_APP | {"filter": F.end_time.is_null()}, ["lonely"]),
    _case("the status", IN_APP | {"filter": F.status.in_(["error", "pending"])},
          ["search", "lonely"]),
]
# fmt: on
