"""Puts the same question to the memory engine, the oracle, and to another; says where they part."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runstore.engine.base import Engine
from runstore.engine.memory import MemoryEngine
from runstore.engine.memory_view import View
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.batch import Batch
from runstore.model.feedback import FeedbackQuery
from runstore.model.project import Project
from runstore.model.query import Page, Position, RunQuery
from runstore.model.run import Run
from runstore.plan.budget import Account
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import RunScope, StatsPlan
from tests.filter import strategies as words
from tests.oracle.forests import PROJECT_IDS, Forest

NOW_US = words.STARTS_US[-1]
ALWAYS = {
    "id", "trace_id", "dotted_order", "start_us", "status", "name", "run_type", "project_id",
}  # fmt: skip


class _View(View):
    """Remembers what the last scope held: every page of a walk asks for the same."""

    _last: tuple[str, list[Run]] = "", []

    def in_scope(self, scope: RunScope, account: Account) -> Iterator[Run]:
        said = repr(scope)  # not the scope: 1 and true are equal
        if said != self._last[0]:
            self._last = said, list(super().in_scope(scope, account))
        return iter(self._last[1])


class Oracle(MemoryEngine):
    def _now(self) -> View:
        with self._lock:
            if self._view is None:
                self._view = _View(self._runs, self._projects, self._feedback.values())
            return self._view


@dataclass
class Pair:
    forest: Forest
    memory: Engine
    other: Engine

    def close(self) -> None:
        self.other.close()


def load(forest: Forest, folder: Path) -> Pair:
    """Both engines with the forest in them; every refusal and every run is compared."""
    pair = Pair(forest, Oracle(), SqliteEngine(folder))
    for number, (project_id, name) in enumerate(zip(PROJECT_IDS, words.PROJECTS, strict=True)):
        for engine in (pair.memory, pair.other):
            engine.create_project(Project(id=project_id, name=name, start_us=number))
    groups = [forest.batches[at : at + 3] for at in range(0, len(forest.batches), 3)]
    for place, group in enumerate(groups):
        told = pair.other.write(_on_its_way(pair.other, group, place), NOW_US)
        assert told == pair.memory.write(group, NOW_US)
    return pair


def _on_its_way(engine: Engine, group: Sequence[Batch], place: int) -> Sequence[Batch]:
    """As decoded, prepared, or prepared in another process: by turns."""
    if place % 3 == 0:
        return group
    prepared = [engine.prepare(batch, NOW_US) for batch in group]
    return prepared if place % 3 == 1 else pickle.loads(pickle.dumps(prepared))


def same_page(pair: Pair, query: RunQuery) -> Page:
    """The page both give; AssertionError where they differ."""
    plan = build_plan(query)
    wanted, got = pair.memory.fetch_runs(plan), pair.other.fetch_runs(plan)
    assert [run.id for run in got.runs] == [run.id for run in wanted.runs], _story(pair, query)
    for run, other in zip(wanted.runs, got.runs, strict=True):
        if run == other:
            continue
        for field in run.__struct_fields__:
            if field not in plan.select | ALWAYS:
                continue  # an engine may tell more than it was asked for
            a, b = getattr(run, field), getattr(other, field)
            assert a == b, f"{field} of {run.id}: {b!r}, not {a!r}"
    for name in ("has_next", "has_previous", "feedback", "child_ids", "descendant_ids"):
        a, b = getattr(wanted, name), getattr(got, name)
        assert a == b, f"{name}: {_parted(b, a)!r}, not {_parted(a, b)!r}; {_story(pair, query)}"
    return wanted


def same_walk(pair: Pair, query: RunQuery, pages: int = 2) -> list[str]:
    """Follows the pages as a client would, forth and then one back."""
    seen: list[str] = []
    page = same_page(pair, query)
    for _ in range(pages):
        seen += [run.id for run in page.runs]
        if not page.has_next or not page.runs:
            break
        last = page.runs[-1]
        page = same_page(pair, replace(query, after=Position(last.start_us, last.id)))
        assert page.runs, f"an empty page was promised: {query}"
        assert page.has_previous
        here = page.runs[0]
        back = replace(query, after=Position(here.start_us, here.id), backward=True)
        before = same_page(pair, back)  # fewer than asked for if their payloads are large
        assert [run.id for run in before.runs] == seen[-len(before.runs) :], query
        assert len(before.runs) == min(query.limit, len(seen)) or before.has_previous, query
    assert len(seen) == len(set(seen)), f"a run came twice: {query}"
    return seen


def same_stats(pair: Pair, query: RunQuery, group_by: str | None, group_path: str | None) -> None:
    plan = StatsPlan(
        scope=build_scope(query), group_by=group_by, group_path=group_path, percentiles=True
    )
    assert pair.other.stats(plan) == pair.memory.stats(plan), (query, group_by)


def same_count(pair: Pair, query: RunQuery) -> None:
    scope = build_scope(query)
    assert pair.other.count_runs(scope) == pair.memory.count_runs(scope), query


def same_after_deletion(pair: Pair, query: RunQuery) -> None:
    """The traces of what is found first go, and their feedback; what is left is answered alike."""
    found = same_page(pair, replace(query, limit=2, after=None, backward=False)).runs
    traces = sorted({run.trace_id for run in found})
    assert pair.other.delete_traces(traces) == pair.memory.delete_traces(traces), query
    same_walk(pair, query)
    same_walk(pair, RunQuery(limit=100))
    same_stats(pair, RunQuery(), None, None)
    assert pair.other.list_feedback(FeedbackQuery()) == pair.memory.list_feedback(FeedbackQuery())


def _parted(value: object, other: object) -> object:
    """Of two dictionaries, what only the first has."""
    if not isinstance(value, dict) or not isinstance(other, dict):
        return value
    return {key: item for key, item in value.items() if other.get(key) != item}


def _story(pair: Pair, query: RunQuery) -> str:
    steps = "\n  ".join(pair.other.explain_runs(build_plan(query)).steps)
    return f"{query}\n  {steps}"
