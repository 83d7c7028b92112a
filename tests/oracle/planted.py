"""`python -m tests.oracle.planted`: how many queries the oracle needs to find a bug we plant.

One bug at a time is patched into the embedded engine, small ones of the kind people make; then the
seeds are run in order until one differs. A bug that is not found within --queries is a hole in the
oracle, and the exit code is 1.
"""

import argparse
import io
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

import pytest

from runstore.engine.sqlite import reader, totals
from runstore.engine.sqlite.connections import Connection
from runstore.filter.tree import And, Node, Not
from runstore.sql.sqlite import lookup, predicate, select
from runstore.sql.sqlite.predicate import Conditions, joined
from runstore.sql.sqlite.select import Window
from tests.oracle.cases import Case
from tests.oracle.plots import answered, plots

Plant = Callable[[pytest.MonkeyPatch], None]


def _gte_is_gt(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(predicate.SIGNS, "gte", ">")


def _not_of_null_is_null(patch: pytest.MonkeyPatch) -> None:
    compiled = Conditions.condition

    def condition(self: Conditions, node: Node, r: str = "r") -> str:
        if isinstance(node, Not):
            return f"(NOT {self.condition(node.term, r)})"
        return compiled(self, node, r)

    patch.setattr(Conditions, "condition", condition)


def _neq_of_missing_pair(patch: pytest.MonkeyPatch) -> None:
    """A pair that is not there meets a negative test of it."""
    parts = lookup.parts_of

    def parts_of(node: Any) -> Any:
        some, none = parts(node)
        return ([] if none and len(node.keys) == 1 else some), none

    for module in (lookup, predicate):
        patch.setattr(module, "parts_of", parts_of)


def _cursor_loses_ties(patch: pytest.MonkeyPatch) -> None:
    """Past a position comes what starts later: not what starts then and has a larger id."""
    right = Window.condition

    def condition(self: Window, *arguments: Any) -> list[str]:
        conditions = right(self, *arguments)
        if self.after is not None:
            conditions[-1] = conditions[-1].split(" OR ")[0] + ")"
        return conditions

    patch.setattr(Window, "condition", condition)


def _two_witnesses(patch: pytest.MonkeyPatch) -> None:
    """Each term of a tree_filter's `and` may be met by another run."""
    compiled = Conditions.condition

    def condition(self: Conditions, node: Node, r: str = "r") -> str:
        if r != "w" or not isinstance(node, And):
            return compiled(self, node, r)
        terms = (compiled(self, term, "w2") for term in node.terms)
        return joined(
            "AND",
            [
                "EXISTS (SELECT 1 FROM runs AS w2 INDEXED BY runs_trace"  # noqa: S608
                f" WHERE w2.trace_id = w.trace_id AND {term})"
                for term in terms
            ],
        )

    patch.setattr(Conditions, "condition", condition)


def _late_parent_has_no_sums(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(totals.AwaitedTotals, "take", lambda *_: {})


def _page_ends_early(patch: pytest.MonkeyPatch) -> None:
    """A last page that is full says that there is another."""
    fetched = reader.fetch_page

    def fetch_page(connection: Connection, plan: Any, *more: Any) -> Any:
        page = fetched(connection, plan, *more)
        page.has_next = page.has_next or (len(page.runs) == plan.limit and not plan.backward)
        return page

    patch.setattr("runstore.engine.sqlite.engine.fetch_page", fetch_page)


def _prefix_is_word(patch: pytest.MonkeyPatch) -> None:
    """A search finds whole words alone."""
    patch.setattr(Connection, "words", lambda _self, prefix, _limit: [prefix])


def _ties_are_turned(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(select._ORDER, True, "r.start_us DESC, r.id")


def _long_texts_are_whole(patch: pytest.MonkeyPatch) -> None:
    """What the index cut off is not looked at again."""
    patch.setattr(lookup, "is_whole", lambda _: True)


def _two_records(patch: pytest.MonkeyPatch) -> None:
    """The tests of one record may be met by two."""
    tested = Conditions.feedback_tests

    def feedback_tests(self: Conditions, part: Any) -> str:
        first = lookup.SomeEntry(part.family, part.tests[:1])
        rest = lookup.SomeEntry(part.family, part.tests[1:])
        if not rest.tests:
            return tested(self, part)
        return (
            f"{tested(self, first)} AND EXISTS (SELECT 1 FROM feedback AS g"  # noqa: S608
            f" WHERE g.run_id = f.run_id AND {tested(self, rest).replace('f.', 'g.')})"
        )

    patch.setattr(Conditions, "feedback_tests", feedback_tests)


def _missing_ancestor_is_root(patch: pytest.MonkeyPatch) -> None:
    """A trace_filter is put to whatever run begins the trace, root or not."""
    patch.setattr(select, "_ROOT", select._ROOT.replace("root.id = r.trace_id", "root.id = r.id"))


PLANTS: dict[str, Plant] = {
    "gte means gt": _gte_is_gt,
    "not of a null comparison is null": _not_of_null_is_null,
    "neq holds for a pair that is missing": _neq_of_missing_pair,
    "a cursor passes over runs of equal start": _cursor_loses_ties,
    "a tree_filter's terms are met by different runs": _two_witnesses,
    "sums that waited for a late parent are lost": _late_parent_has_no_sums,
    "a full last page promises another": _page_ends_early,
    "a search finds no prefixes": _prefix_is_word,
    "equal starts are ordered the other way round": _ties_are_turned,
    "a cut term of the index is taken for the whole": _long_texts_are_whole,
    "tests of one record of feedback are met by two": _two_records,
    "a trace_filter is put to the run itself": _missing_ancestor_is_root,
}


def queries_until_found(plant: Plant, first_seed: int, queries_max: int) -> int | None:
    """None: not found."""
    asked: list[Case] = []
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()):
        plant(patch)
        for plot in plots(first_seed, queries_max):
            try:
                asked.extend(answered(plot))
            except Exception:
                return max(1, len(asked))
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.planted")
    parser.add_argument("--queries", type=int, default=10_000, help="given up after so many")
    parser.add_argument("--first-seed", type=int, default=1)
    said = parser.parse_args()
    missed = 0
    for name, plant in PLANTS.items():
        started = time.monotonic()
        found = queries_until_found(plant, said.first_seed, said.queries)
        missed += found is None
        told = "NOT FOUND" if found is None else f"{found:,}"
        print(f"| {name} | {told} | {time.monotonic() - started:.1f} s", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
