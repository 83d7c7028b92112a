"""A question with its check: run on a pair of engines, and printed as a test that can be kept."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from runstore.model.query import RunQuery
from tests.filter import strategies as words
from tests.oracle import laws
from tests.oracle.compare import Pair, load, same_after_deletion, same_count, same_stats, same_walk
from tests.oracle.limits import small_limits
from tests.oracle.shapes import shaped
from tests.oracle.strategies import queries, selects
from tests.shrinking import shrunk


@dataclass(frozen=True)
class Planted:
    """Which forest: its shape, seed and size, and the runs kept of it, all if None."""

    shape: str
    seed: int
    runs: int
    kept: tuple[str, ...] | None = None

    def load(self, folder: Path) -> Pair:
        forest = shaped(self.shape, self.seed, self.runs)
        return load(forest if self.kept is None else forest.of(*self.kept), folder)

    def code(self) -> str:
        of = "" if self.kept is None else f".of({', '.join(map(repr, self.kept))})"
        return f"shaped({self.shape!r}, {self.seed}, {self.runs}){of}"


@dataclass(frozen=True)
class Case:
    """`check` is a name of CHECKS, `text` the filter of a law. `low`: with small limits."""

    check: str
    query: RunQuery
    text: str
    select: frozenset[str]
    low: bool
    group: str | None = None  # of stats

    @property
    def group_path(self) -> str | None:
        return "k" if self.group == "metadata" else None

    def run(self, pair: Pair) -> None:
        with small_limits() if self.low else nullcontext():
            CHECKS[self.check][0](pair, self)


Check = Callable[[Pair, Case], object]
CHECKS: dict[str, tuple[Check, str]] = {  # name: (what runs it, the same as written in a test)
    "walk": (lambda pair, case: same_walk(pair, case.query), "same_walk(pair, query)"),
    "stats": (
        lambda pair, case: same_stats(pair, case.query, case.group, case.group_path),
        "same_stats(pair, query, {group!r}, {group_path!r})",
    ),
    "count": (lambda pair, case: same_count(pair, case.query), "same_count(pair, query)"),
    "filter": (
        lambda pair, case: laws.filter_parts(pair.other, case.query, case.text),
        "laws.filter_parts(pair.other, query, {text!r})",
    ),
    "trace_filter": (
        lambda pair, case: laws.trace_filter_parts(pair.other, case.query, case.text),
        "laws.trace_filter_parts(pair.other, query, {text!r})",
    ),
    "tree_filter": (
        lambda pair, case: laws.tree_filter_parts(pair.other, case.query, case.text),
        "laws.tree_filter_parts(pair.other, query, {text!r})",
    ),
    "select": (
        lambda pair, case: laws.select_is_no_filter(pair.other, case.query, case.select),
        "laws.select_is_no_filter(pair.other, query, {select})",
    ),
    "pages": (
        lambda pair, case: laws.pages_are_one(pair.other, case.query),
        "laws.pages_are_one(pair.other, query)",
    ),
    "inserts": (
        lambda pair, case: laws.inserts_move_nothing(
            pair.other, case.query, pair.forest.newcomers()
        ),
        "laws.inserts_move_nothing(pair.other, query, pair.forest.newcomers())",
    ),
    "deletion": (
        lambda pair, case: same_after_deletion(pair, case.query),
        "same_after_deletion(pair, query)",
    ),
}
LAWS = ("filter", "trace_filter", "tree_filter", "select", "pages")  # they change nothing
CHANGES = ("inserts", "deletion")  # what they leave is another forest


def cases(checks: tuple[str, ...]) -> st.SearchStrategy[Case]:
    return st.builds(
        Case,
        check=st.sampled_from(checks),
        query=queries(),
        text=words.texts(max_leaves=3),
        select=selects(),
        low=st.booleans(),
    )


def failure(planted: Planted, case: Case | None) -> Exception | None:
    """What goes wrong when the forest is loaded anew and the case is run on it."""
    with TemporaryDirectory() as folder:
        pair = None
        try:
            pair = planted.load(Path(folder))
            laws.totals_are_sums(pair.other)
            if case is not None:
                case.run(pair)
        except Exception as error:
            return error
        finally:
            if pair is not None:
                pair.close()
    return None


def with_fewer_runs(planted: Planted, case: Case | None) -> Planted:
    """The same failure on as few runs as will do; as it is if it does not come again."""

    def of(kept: tuple[str, ...]) -> Planted:
        return Planted(planted.shape, planted.seed, planted.runs, kept)

    run_ids = shaped(planted.shape, planted.seed, planted.runs).run_ids
    if failure(of(run_ids), case) is None:
        return planted
    return of(shrunk(run_ids, lambda kept: failure(of(kept), case) is not None))


def as_test(planted: Planted, case: Case | None) -> str:
    """Python, to be put into tests/oracle/test_found.py."""
    lines = [
        f"def test_found_on_{planted.shape}_{planted.seed}(tmp_path: Path) -> None:",
        f"    pair = load({planted.code()}, tmp_path)",
        "    laws.totals_are_sums(pair.other)",
    ]
    if case is not None:
        said = ", ".join(
            f"{field.name}={getattr(case.query, field.name)!r}"
            for field in fields(case.query)
            if getattr(case.query, field.name) != field.default
        )
        call = CHECKS[case.check][1].format(
            text=case.text, select=case.select, group=case.group, group_path=case.group_path
        )
        lines += [
            f"    query = RunQuery({said})",
            *(["    with small_limits():", f"        {call}"] if case.low else [f"    {call}"]),
        ]
    return "\n".join([*lines, "    pair.close()"])
