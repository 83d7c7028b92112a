"""Random filters and random runs that share one small vocabulary, so that they meet often."""

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from runstore.filter.check import compile_filter
from runstore.filter.tree import Node
from runstore.filter.unparse import literal
from runstore.model.facts import Facts
from runstore.model.feedback import Feedback
from runstore.model.jsontext import encode
from runstore.model.run import JsonText, Run
from runstore.model.times import US_PER_S, text_from_us

# The vocabulary. Other suites build their runs from it too. Strategies are made once: making one
# takes longer than drawing from it.
IDS = tuple(f"00000000-0000-4000-8000-{number:012d}" for number in range(8))
NAMES = ("agent", "Agent", "search tool", "ChatOpenAI", "strasse", "Straße", "50%", "a_b", "")
RUN_TYPES = ("llm", "chain", "tool")
STATUSES = ("pending", "success", "error", "interrupted")
ERRORS = ("ValueError: 50% bad", "timeout\nafter 3 tries", "")
TAGS = ("prod", "beta", "Prod", "a b", "日本")
KEYS = ("k", "a.b", "a", "a b", "thread_id", "é")
TEXTS = (
    "v",
    "V",
    "true",
    "1",
    "two words",
    "50% off",
    "a\\b",
    "日本語 text",
    "",
    "x_y",
    "q\"uo'te",
)
NUMBERS = (0, 1, -1, 2.5, 1.0, 10**15, 2**63, 1e300, -0.5)
VALUES: tuple[str | int | float | bool, ...] = (*TEXTS, *NUMBERS, True, False)
FEEDBACK_KEYS = ("correctness", "user_score", "note: x")
SCORES = (0.0, 0.5, 1.0, -1.0)
COMMENTS = ("good", "Not good", "")
SOURCES = ("api", "app", "model")
THREADS = ("t-1", "t-2")
PROJECTS = ("default", "other project")
STARTS_US = tuple(1_700_000_000_000_000 + offset for offset in (0, 1, US_PER_S, 90 * US_PER_S))
LATENCIES_US = (0, 1, 500_000, US_PER_S, 2_500_000, 60 * US_PER_S)
TOKEN_COUNTS = (0, 1, 10, 5_000, 10**12)
COSTS = (0, 1, 37_500_000, 10**12)  # picodollars
DETAILS = ("cache_read", "reasoning")
SEARCHES = ("agent", "wor", "two words", "50", "日本", "strasse", "v", "nothing here", "tool")
PATTERNS = ("a", "%a%", "A%", "%t", "_", "__", "%", "50\\%", "50%", "a\\_b", "", "%o%o%", "straß_")
REGEXES = ("a", "^a", "(?i)^A", "o+", "\\d", "^$", ".", "é|日")

EQUALITY = ("eq", "neq")
ORDER = ("gt", "gte", "lt", "lte")
TEXTUAL = ("like", "notlike", "regex")


def call(function: str, *args: str) -> str:
    return f"{function}({', '.join(args)})"


def one_of(values: tuple[Any, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(values).map(literal)


def listed(values: st.SearchStrategy[str], null: bool = True) -> st.SearchStrategy[str]:
    items = st.one_of(values, st.just("null")) if null else values
    return st.lists(items, max_size=3).map(lambda chosen: f"[{', '.join(chosen)}]")


def comparisons(
    field: st.SearchStrategy[str],
    values: st.SearchStrategy[str],
    *,
    ordered: bool = False,
    textual: bool = False,
    null: bool = True,
    null_in_lists: bool = True,
) -> st.SearchStrategy[str]:
    """Every function that applies to such a field."""
    functions = EQUALITY + (ORDER if ordered else ())
    kinds = [
        st.builds(call, st.sampled_from(functions), field, values),
        st.builds(
            call, st.sampled_from(("in", "nin")), field, listed(values, null_in_lists and null)
        ),
        st.builds(call, st.just("exists"), field),
    ]
    if null:
        kinds.append(st.builds(call, st.sampled_from(EQUALITY), field, st.just("null")))
    if textual:
        like = st.builds(call, st.sampled_from(TEXTUAL[:2]), field, one_of(PATTERNS))
        kinds += [like, st.builds(call, st.just("regex"), field, one_of(REGEXES))]
    return st.one_of(kinds)


def attribute_tests() -> st.SearchStrategy[str]:
    """Comparisons of single-valued attributes."""

    def texts(name: str, values: tuple[str, ...]) -> st.SearchStrategy[str]:
        return comparisons(st.just(name), one_of(values), ordered=True, textual=True)

    ids = st.one_of(one_of(IDS), one_of(("no id", IDS[0].upper())))
    times = st.sampled_from(STARTS_US).map(lambda us: literal(text_from_us(us)))
    seconds = st.one_of(
        st.sampled_from(LATENCIES_US).map(lambda us: literal(us / US_PER_S)),
        st.sampled_from(('"500ms"', '"2.5s"', '"1m"', '"0.0000005s"', '"1"', "1e300")),
    )
    counts = st.one_of(one_of(TOKEN_COUNTS), st.sampled_from(("2.5", '"10"', "-1", "1e300")))
    costs = st.sampled_from(("0", "0.0000375", "1", '"1e-12"', "1e-13", "5e-13", "-1", "1e300"))
    whole = {"ordered": True}
    return st.one_of(
        texts("name", NAMES),
        texts("run_type", RUN_TYPES),
        texts("status", STATUSES),
        texts("error", ERRORS),
        texts("thread_id", THREADS),
        texts("session_name", PROJECTS),
        st.sampled_from(("eq(error, true)", "neq(error, true)", "eq(error, false)")),
        st.builds(
            call,
            st.sampled_from(EQUALITY),
            st.just("is_root"),
            st.sampled_from(("true", "false", "1", "0")),
        ),
        *(
            comparisons(st.just(name), ids)
            for name in ("id", "trace_id", "parent_run_id", "reference_example_id", "session_id")
        ),
        *(
            comparisons(st.just(name), times, **whole)
            for name in ("start_time", "end_time", "first_token_time")
        ),
        comparisons(st.just("latency"), seconds, **whole),
        comparisons(st.sampled_from(("total_tokens", "prompt_tokens")), counts, **whole),
        comparisons(st.sampled_from(("total_cost", "completion_cost")), costs, **whole),
        comparisons(
            st.sampled_from(DETAILS).map(lambda key: f"prompt_token_details.{key}"), counts, **whole
        ),
        comparisons(
            st.sampled_from(DETAILS).map(lambda key: f"prompt_cost_details.{key}"), costs, **whole
        ),
    )


def key_tests(family: str) -> st.SearchStrategy[str]:
    name, keys = f"{family}_key", FEEDBACK_KEYS if family == "feedback" else KEYS
    return st.one_of(
        comparisons(st.just(name), one_of(keys), textual=True, null=False),
        st.builds(call, st.just("has"), st.just(name), one_of(keys)),
    )


def value_tests(family: str) -> st.SearchStrategy[str]:
    if family == "feedback":
        lists = {"null_in_lists": False}
        return st.one_of(
            comparisons(st.just("feedback_score"), one_of(SCORES), ordered=True, **lists),
            comparisons(st.just("feedback_value"), one_of(VALUES), textual=True, **lists),
            comparisons(st.just("feedback_comment"), one_of(COMMENTS), textual=True, **lists),
            comparisons(st.just("feedback_source"), one_of(SOURCES), textual=True, **lists),
        )
    name = f"{family}_value"
    ordered = st.builds(call, st.sampled_from(ORDER), st.just(name), one_of(NUMBERS))
    return st.one_of(comparisons(st.just(name), one_of(VALUES), textual=True, null=False), ordered)


def entry_tests() -> st.SearchStrategy[str]:
    """Tests on entries: alone, and several under one `and`."""

    def of(family: str) -> st.SearchStrategy[str]:
        either = st.one_of(key_tests(family), value_tests(family))
        group = st.lists(either, min_size=2, max_size=4).map(lambda tests: call("and", *tests))
        pair = st.builds(call, st.just("and"), key_tests(family), value_tests(family))
        return st.one_of(either, pair, group)

    return st.one_of(*(of(family) for family in ("metadata", "input", "output", "feedback")))


def path_tests() -> st.SearchStrategy[str]:
    """metadata.k, feedback.k, and payloads as a whole."""
    payloads = st.sampled_from(("metadata", "inputs", "outputs", "extra"))
    paths = st.builds(lambda base, key: f"{base}.{literal(key)}", payloads, st.sampled_from(KEYS))
    objects = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), min_size=1)
    return st.one_of(
        comparisons(paths, one_of(VALUES), textual=True),
        st.builds(call, st.sampled_from(ORDER), paths, one_of(NUMBERS)),
        comparisons(
            st.sampled_from(FEEDBACK_KEYS).map(lambda key: f"feedback.{literal(key)}"),
            one_of(SCORES),
            ordered=True,
        ),
        st.builds(call, st.sampled_from(TEXTUAL[:2]), payloads, one_of(PATTERNS)),
        st.builds(call, st.just("regex"), payloads, one_of(REGEXES)),
        st.builds(call, st.just("exists"), payloads),
        st.builds(call, st.sampled_from(EQUALITY), payloads, st.just("null")),
        st.builds(call, st.sampled_from(("has", "exists")), payloads, one_of(KEYS)),
        st.builds(
            call, st.just("has"), payloads, objects.map(lambda value: literal(json.dumps(value)))
        ),
    )


def tag_tests() -> st.SearchStrategy[str]:
    return st.one_of(
        comparisons(st.just("tags"), one_of(TAGS), textual=True),
        st.builds(call, st.just("has"), st.just("tags"), one_of(TAGS)),
    )


def searches() -> st.SearchStrategy[str]:
    scopes = st.sampled_from(("inputs", "outputs", "error", "name", "tags", "metadata"))
    return st.one_of(
        st.builds(call, st.just("search"), one_of(SEARCHES)),
        st.builds(call, st.just("search"), scopes, one_of(SEARCHES)),
    )


@cache
def conditions() -> st.SearchStrategy[str]:
    """Filters without or, not and nesting."""
    return st.one_of(attribute_tests(), entry_tests(), path_tests(), tag_tests(), searches())


@cache
def texts(max_leaves: int = 6) -> st.SearchStrategy[str]:
    """Valid filter texts."""

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            st.builds(
                lambda name, terms: call(name, *terms), st.sampled_from(("and", "or")), several
            ),
            st.builds(call, st.just("not"), inner),
        )

    return st.recursive(conditions(), deeper, max_leaves=max_leaves)


@cache
def nodes(max_leaves: int = 6) -> st.SearchStrategy[Node]:
    """Checked and rewritten trees, as an engine gets them."""

    def compiled(text: str) -> Node:
        node = compile_filter(text)
        assert node is not None
        return node

    return texts(max_leaves).map(compiled)


@cache
def payloads() -> st.SearchStrategy[JsonText | None]:
    """JSON objects with the vocabulary's keys, nested, multi-valued, with nulls and empties."""
    leaves = st.one_of(st.none(), st.sampled_from(VALUES))
    values = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(("b", "c", *KEYS)), inner, max_size=2),
        ),
        max_leaves=4,
    )
    objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
    return st.one_of(st.none(), objects.map(encode))


@cache
def extras() -> st.SearchStrategy[JsonText | None]:
    objects = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
    extra = st.builds(lambda rest, metadata: {**rest, "metadata": metadata}, objects, objects)
    return st.one_of(st.none(), st.one_of(objects, extra).map(encode))


@cache
def records(run_id: str = IDS[0]) -> st.SearchStrategy[list[Feedback]]:
    """The feedback of one run."""
    record = st.builds(
        Feedback,
        id=st.sampled_from(IDS),
        run_id=st.just(run_id),
        key=st.sampled_from(FEEDBACK_KEYS),
        score=st.one_of(st.none(), st.sampled_from(SCORES)),
        value=st.one_of(st.none(), st.sampled_from((*VALUES, {"k": 1})).map(encode)),
        comment=st.one_of(st.none(), st.sampled_from(COMMENTS)),
        source=st.one_of(
            st.none(), st.sampled_from(SOURCES).map(lambda kind: encode({"type": kind}))
        ),
    )
    return st.lists(record, max_size=3)


@cache
def totals() -> st.SearchStrategy[dict[str, tuple[int, int]]]:
    counters = {
        **dict.fromkeys(("total_tokens", "prompt_tokens"), TOKEN_COUNTS),
        **dict.fromkeys(("total_cost", "completion_cost"), COSTS),
        **{f"prompt_token_details.{key}": TOKEN_COUNTS for key in DETAILS},
        **{f"prompt_cost_details.{key}": COSTS for key in DETAILS},
    }
    return st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from(values).map(lambda value: (value, 1))
            for name, values in counters.items()
        },
    )


@cache
def or_none(values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """One run with its feedback; nulls are frequent."""

    def maybe(values: tuple[Any, ...]) -> Any:
        return draw(or_none(values))

    start_us = draw(st.sampled_from(STARTS_US))
    latency_us = maybe(LATENCIES_US)
    run = Run(
        id=draw(st.sampled_from(IDS)),
        trace_id=draw(st.sampled_from(IDS[:3])),
        dotted_order="",
        start_us=start_us,
        end_us=None if latency_us is None else start_us + latency_us,
        first_token_us=maybe(STARTS_US),
        status=draw(st.sampled_from(STATUSES)),
        parent_run_id=maybe(IDS),
        project_id=maybe(IDS),
        name=maybe(NAMES),
        run_type=maybe(RUN_TYPES),
        error=maybe(ERRORS),
        tags=tuple(draw(st.lists(st.sampled_from(TAGS), max_size=3, unique=True))),
        reference_example_id=maybe(IDS),
        thread_id=maybe(THREADS),
        totals=draw(totals()),
        inputs=draw(payloads()),
        outputs=draw(payloads()),
        extra=draw(extras()),
    )
    return Facts(run, draw(records(run.id)), maybe(PROJECTS))
