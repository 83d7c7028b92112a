"""Filters and the ways of reading runs, of which the golden SQL is made."""

from collections.abc import Callable, Sequence

from runstore.filter.check import compile_filter
from runstore.filter.tree import And, Node
from runstore.model.query import Position
from runstore.sql.sqlite import select, witnesses
from runstore.sql.sqlite.lookup import Expression, match_text, resolve
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.select import Statement, Window
from runstore.sql.sqlite.span import Span

ID = "00000000-0000-4000-8000-000000000001"
RAW = bytes.fromhex(ID.replace("-", ""))
NEWEST = Window(descending=True, after=None, limit=101)
PAST = Window(descending=True, after=Position(1_700_000_000_000_000, ID), limit=101)
OLDEST_PAST = Window(descending=False, after=Position(1_700_000_000_000_000, ID), limit=101)
SINCE = Span(low=1_600_000_000_000_000)
AGO = "2026-01-01T00:00:00Z"

# fmt: off
FILTERS = [
    ("a name", 'eq(name, "x")'),
    ("another name", 'neq(name, "x")'),
    ("one of some names", 'in(name, ["x", "y"])'),
    ("none of some names", 'nin(name, ["x", "y"])'),
    ("a pattern of the name", 'like(name, "%x_y%")'),
    ("not a pattern of the name", 'notlike(name, "x")'),
    ("a regular expression on the name", 'regex(name, "^x+$")'),
    ("a type, slow and long", 'and(eq(run_type, "llm"), gt(latency, 10), gt(total_tokens, 5000))'),
    ("a status", 'eq(status, "error")'),
    ("an error", "neq(error, null)"),
    ("no error", "eq(error, null)"),
    ("words in the error", 'like(error, "timeout")'),
    ("between two starts", f'and(gte(start_time, "{AGO}"), lt(start_time, "2026-02-01"))'),
    ("ended before", f'lt(end_time, "{AGO}")'),
    ("still running", "eq(end_time, null)"),
    ("a first token", f'gt(first_token_time, "{AGO}")'),
    ("a cost", "gt(total_cost, 0.01)"),
    ("a token detail", "gt(prompt_token_details.cache_read, 10)"),
    ("a cost detail that is there", "exists(prompt_cost_details.cache_read)"),
    ("roots", "eq(is_root, true)"),
    ("a trace", f'eq(trace_id, "{ID}")'),
    ("a parent", f'eq(parent_run_id, "{ID}")'),
    ("ids", f'in(id, ["{ID}"])'),
    ("a thread", 'eq(thread_id, "Thread 1")'),
    ("a project by name", 'eq(session_name, "default")'),
    ("a tag", 'has(tags, "x")'),
    ("not a tag", 'neq(tags, "x")'),
    ("a pattern of a tag", 'like(tags, "x%")'),
    ("tags at all", "exists(tags)"),
    ("a metadata pair", 'and(eq(metadata_key, "k"), eq(metadata_value, "v"))'),
    ("a metadata key without a value", 'and(eq(metadata_key, "k"), neq(metadata_value, "v"))'),
    ("a metadata number above", 'and(eq(metadata_key, "k"), gt(metadata_value, 0.5))'),
    ("a metadata value anywhere", 'eq(metadata_value, "v")'),
    ("a typed metadata value", "eq(metadata.k, true)"),
    ("a metadata path that is there", "exists(metadata.a.b)"),
    ("metadata as an object", """has(metadata, '{"k": "v", "n": 1}')"""),
    ("an input key", 'eq(input_key, "messages.content")'),
    ("an output that is like a text", 'like(outputs, "%refund%")'),
    ("an output value by key", 'and(eq(output_key, "a.b"), like(output_value, "%x%"))'),
    ("an extra path", 'eq(extra.runtime.sdk, "x")'),
    ("feedback with a score", 'and(eq(feedback_key, "k"), lt(feedback_score, 1))'),
    ("no such feedback", 'neq(feedback_key, "k")'),
    ("feedback with a value", 'and(eq(feedback_key, "k"), eq(feedback_value, "good"))'),
    ("feedback with a comment", 'like(feedback_comment, "wrong")'),
    ("words anywhere", 'search("refund order")'),
    ("words in the inputs", 'search(inputs, "refund")'),
    ("words in the error alone", 'search(error, "refund")'),
    ("the complement of a pair", 'not(and(eq(metadata_key, "k"), eq(metadata_value, "v")))'),
    ("either an error or feedback", 'or(neq(error, null), lt(feedback_score, 0.5))'),
    ("a tag and a pair without another",
     'and(has(tags, "x"), eq(metadata.k, 1), not(has(tags, "y")))'),
]
# fmt: on


def node(text: str) -> Node:
    compiled = compile_filter(text, "filter")
    assert compiled is not None
    return compiled


def asked(expression: Expression) -> str | None:
    """As the index would be asked, had every prefix one more form."""
    resolved = resolve(expression, lambda prefix, _: [prefix, prefix + "s"], 10)
    return None if resolved is None else match_text(resolved)


def not_asked(_: Expression) -> str | None:
    return None


def walk(text: str, ask: Callable[[Expression], str | None]) -> Statement:
    params = Params()
    conditions = [Conditions(params, ask).condition(node(text))]
    return select.by_time(conditions, NEWEST, Span(), params, pids=[1], roots=False)


def _time(window: Window, *, roots: bool, pids: Sequence[int] = (1,)) -> Statement:
    return select.by_time([], window, SINCE, Params(), pids=pids, roots=roots)


def _keys(kind: select.KeyKind, keys: list[int] | list[bytes]) -> Statement:
    params = Params()
    conditions = [select.in_projects([1, 2], params)]
    return select.by_keys(kind, keys, conditions, PAST, SINCE, params)


def _arrival(window: Window) -> Statement:
    return select.by_arrival('"@nx"', [], window, SINCE, Params(), rids=(128, 4095))


def _trace(which: Callable[[str], str], alias: str) -> Statement:
    params = Params()
    condition = Conditions(params, asked).condition(node("neq(error, null)"), alias)
    return select.by_time([which(condition)], NEWEST, Span(), params, pids=[1], roots=True)


def _in_traces() -> Statement:
    params = Params()
    return select.all_rows("count(*)", [select.in_traces([RAW], params)], params)


def _traces() -> Statement:
    params = Params()
    condition = Conditions(params, not_asked).condition(node('eq(name, "x")'))
    return select.traces_of("rid", [1, 2], [condition, "r.is_root = 1"], params, 2001)


def _feedback() -> Statement:
    params = Params()
    return select.feedback_runs("f.key = " + params.bind("k"), params, 2001)


def _rated(window: Window) -> Statement:
    params = Params()
    tests = "f.key = " + params.bind("k")
    conditions = ["r.error IS NOT NULL"]
    return witnesses.rated_runs(tests, conditions, window, SINCE, params, pid=1)


def _rated_traces() -> Statement:
    params = Params()
    tests = "f.key = " + params.bind("k")
    return witnesses.rated_traces(tests, ["r.is_root = 1"], SINCE, params, pid=1)


def _found_traces() -> Statement:
    return witnesses.found_traces('"@nx"', ["r.is_root = 1"], Params(), last=4095)


SLOW = node("and(gt(latency, 10), gte(total_cost, 0.5), lt(total_tokens, 9))")


def _in_zones(window: Window) -> Statement:
    assert isinstance(SLOW, And)
    rids = (128, 4095)
    return select.in_zones(SLOW.terms, [], window, SINCE, Params(), rids=rids, bits=7)


def _sampled() -> Statement:
    params = Params()
    condition = Conditions(params, not_asked).condition(node("gt(latency, 10)"))
    return select.sample_time([condition], SINCE, params, pid=1, limit=1000)


DRIVERS: list[tuple[str, Callable[[], Statement]]] = [
    ("walk runs from the newest", lambda: _time(NEWEST, roots=False)),
    ("walk runs past a position", lambda: _time(PAST, roots=False)),
    ("walk roots from the oldest past a position", lambda: _time(OLDEST_PAST, roots=True)),
    ("walk runs of two projects", lambda: _time(PAST, roots=False, pids=[1, 2])),
    ("read listed rows", lambda: _keys("rid", [1, 2])),
    ("read listed ids", lambda: _keys("id", [RAW])),
    ("read listed traces", lambda: _keys("trace_id", [RAW])),
    ("walk arrivals from the newest", lambda: _arrival(NEWEST)),
    ("walk arrivals from the oldest past a position", lambda: _arrival(OLDEST_PAST)),
    ("read every row", lambda: select.all_rows("count(*)", [], Params())),
    ("read every row of listed traces", _in_traces),
    ("ask the root of the trace", lambda: _trace(select.root_condition, "root")),
    ("ask any run of the trace", lambda: _trace(select.tree_condition, "w")),
    ("probe the inverted index", lambda: select.probe('"@nx"', 2001)),
    ("probe for the newest", lambda: select.probe('"@nx"', 200, newest=True)),
    ("ask for the newest rid", select.newest_rid),
    ("list traces", _traces),
    ("list runs with feedback", _feedback),
    ("walk feedback from the newest run", lambda: _rated(NEWEST)),
    ("walk feedback from the oldest run past a position", lambda: _rated(OLDEST_PAST)),
    (
        "count what a walk over feedback passed",
        lambda: witnesses.rated_passed(PAST, SINCE, 1_750_000_000_000_000, pid=1),
    ),
    ("walk traces with feedback", _rated_traces),
    ("walk traces the inverted index finds", _found_traces),
    ("list long traces", lambda: witnesses.long_traces(SINCE, 1000)),
    ("compare feedback with runs", witnesses.feedback_share),
    ("walk zones of large values from the newest", lambda: _in_zones(NEWEST)),
    ("walk zones of large values past a position", lambda: _in_zones(PAST)),
    ("sample the newest zones", lambda: select.sample_zones([node("gt(latency, 10)")], 1000)),
    ("sample the newest runs", _sampled),
    ("sample the newest arrivals", lambda: select.sample_arrival('"@nx"', 1000)),
    ("ask for the shortest latency", lambda: select.shortest_latency([1])),
]
