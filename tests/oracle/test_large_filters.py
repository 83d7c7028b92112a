"""Filters as wide and as deep as may be written are run, and mean what they say."""

from collections.abc import Iterator

import pytest

from runstore.errors import TooLarge
from runstore.limits import FILTER_LIST_ITEMS_MAX
from runstore.model.query import RunQuery
from runstore.plan.build import build_plan
from runstore.sql.sqlite import predicate
from tests.oracle.compare import Pair, load, same_page
from tests.oracle.forests import PROJECT_IDS, forest

WIDE = 1_100  # SQLite takes a chain of 1,000


def wide(joint: str, test: str, count: int = WIDE) -> str:
    return f"{joint}({', '.join(test.replace('#', str(number)) for number in range(count))})"


def deep(levels: int, *around: str) -> str:
    """`levels` times an and inside an or inside an and ..., with tests beside each."""
    beside = "".join(f", {test}" for test in around)
    return "and(or(" * levels + 'eq(metadata.k, "v")' + f"{beside})" * (2 * levels)


RATINGS = """and(eq(feedback_key, "user_score"), or(eq(feedback_score, #), gt(feedback_score, 0.4)),
    nin(feedback_value, ["v", #]), not(like(feedback_comment, "g%#")))"""
FILTERS = {
    "and of many": wide("and", "eq(metadata.k#, null)"),
    "or of many": wide("or", "eq(metadata.k#, 1)"),
    "or of many on one field": wide("or", 'eq(name, "#")'),
    "and of many names": wide("and", 'neq(name, "#")'),
    "and of many tags": wide("and", 'neq(tags, "#")'),
    "or of many words": wide("or", 'search("w#")'),
    "many pairs": wide("or", 'and(eq(metadata_key, "k"), eq(metadata_value, #))', 650),
    "many keys of one entry": wide("and", 'neq(metadata_key, "#")'),
    "many tests of one record": wide("and", "neq(feedback_score, #)"),
    "many scores": wide("or", "eq(feedback_score, 0.#)"),
    "many keys of feedback": wide("and", 'not(eq(feedback."k#", 1))', 900),
    "many kinds of feedback": wide("or", RATINGS, 180),
    "much feedback among others": wide(
        "and", 'or(eq(name, "#"), neq(feedback_comment, "#"), eq(feedback_score, #))', 350
    ),
    "deep, looked up": deep(45, 'eq(name, "agent")', 'eq(status, "error")'),
    "deep, not looked up": deep(45, "gt(latency, 1)"),
    "deep, with many beside": deep(45, *["gt(latency, 1)", 'eq(name, "agent")'] * 6),
    "deep, of nots": "not(and(eq(is_root, true), " * 45 + 'eq(name, "agent")' + "))" * 45,
    "deep, without its pairs": 'and(eq(name, "agent"), not(or(eq(metadata.k, 1), ' * 33
    + 'eq(status, "error")'
    + ")))" * 33,
    "a long list": f"in(latency, [{', '.join(map(str, range(FILTER_LIST_ITEMS_MAX)))}])",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    loaded = load(forest(1), tmp_path_factory.mktemp("forest"))
    yield loaded
    loaded.close()


@pytest.mark.parametrize("text", FILTERS.values(), ids=FILTERS)
def test_a_large_filter_means_what_it_says(pair: Pair, text: str) -> None:
    same_page(pair, RunQuery(project_ids=PROJECT_IDS, filter=text))


@pytest.mark.parametrize("name", ["and of many", "deep, looked up", "deep, with many beside"])
def test_so_does_a_large_tree_filter(pair: Pair, name: str) -> None:
    same_page(pair, RunQuery(project_ids=PROJECT_IDS, tree_filter=FILTERS[name]))


def test_more_values_than_can_be_bound_are_refused_with_the_number(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicate, "SQL_VALUES_MAX", 9_999)
    text = FILTERS["a long list"]
    with pytest.raises(TooLarge, match="more than 9999 values"):
        pair.other.fetch_runs(build_plan(RunQuery(filter=text, trace_filter=text)))
