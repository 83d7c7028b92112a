"""The meaning of filters, row by row as docs/filter-language.md has it."""

import pytest

from tests.filter.runs import CHILD_ID, ID, holds, make, record

# Paired attributes: contract 2.1. The columns are runs, and which of them match.
PAIR_RUNS = {
    "kv": make(metadata={"k": "v"}),
    "kw": make(metadata={"k": "w"}),
    "k both": make(metadata={"k": ["v", "w"]}),
    "other v": make(metadata={"other": "v"}),
    "k=w, other=v": make(metadata={"k": "w", "other": "v"}),
    "nothing": make(),
}
PAIR_TABLE = [
    ("eq(metadata_key, 'k')", {"kv", "kw", "k both", "k=w, other=v"}),
    ("eq(metadata_value, 'v')", {"kv", "k both", "other v", "k=w, other=v"}),
    ("and(eq(metadata_key, 'k'), eq(metadata_value, 'v'))", {"kv", "k both"}),
    ("and(eq(metadata_key, 'k'), neq(metadata_value, 'v'))", {"kw", "k=w, other=v"}),
    ("neq(metadata_key, 'k')", {"other v", "nothing"}),
    ("and(neq(metadata_key, 'k'))", {"other v", "nothing"}),
    ("neq(metadata_value, 'v')", {"kw", "nothing"}),
    ("and(neq(metadata_key, 'k'), eq(metadata_value, 'v'))", {"other v"}),
    ("and(neq(metadata_key, 'k'), neq(metadata_value, 'v'))", {"nothing"}),
    ("and(eq(metadata_key, 'k'), notlike(metadata_value, 'V'))", {"kw", "k=w, other=v"}),
    ("and(eq(metadata_key, 'k'), nin(metadata_value, ['v', 'x']))", {"kw", "k=w, other=v"}),
    ("and(in(metadata_key, ['k', 'other']), eq(metadata_value, 'v'))",
     {"kv", "k both", "other v", "k=w, other=v"}),
    ("and(like(metadata_key, 'oth%'), eq(metadata_value, 'v'))", {"other v", "k=w, other=v"}),
    # Two tests, two entries: nested `and`s are not one group.
    ("and(and(eq(metadata_key, 'k')), and(eq(metadata_value, 'v')))",
     {"kv", "k both", "k=w, other=v"}),
    ("and(eq(metadata.k, 'w'), and(eq(metadata_key, 'other'), eq(metadata_value, 'v')))",
     {"k=w, other=v"}),
    # In `or` each test stands for itself.
    ("or(eq(metadata_key, 'other'), eq(metadata_value, 'w'))",
     {"kw", "k both", "other v", "k=w, other=v"}),
    ("not(eq(metadata_key, 'k'))", {"other v", "nothing"}),
    ("neq(metadata.k, 'v')", {"kw", "k=w, other=v"}),
    ("not(eq(metadata.k, 'v'))", {"kw", "other v", "k=w, other=v", "nothing"}),
    ("eq(metadata.k, null)", {"other v", "nothing"}),
    ("exists(metadata, 'k')", {"kv", "kw", "k both", "k=w, other=v"}),
    ("exists(metadata)", {"kv", "kw", "k both", "other v", "k=w, other=v"}),
    ("has(metadata, '{\"k\": \"w\", \"other\": \"v\"}')", {"k=w, other=v"}),
    ("exists(metadata_value)", {"kv", "kw", "k both", "other v", "k=w, other=v"}),
    ("eq(metadata_key, null)", {"nothing"}),
    ("nin(metadata_key, ['k'])", {"other v", "nothing"}),
    ("nin(metadata_key, [])", set(PAIR_RUNS)),
    ("in(metadata_key, [])", set()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PAIR_TABLE, ids=[row[0] for row in PAIR_TABLE])
@pytest.mark.parametrize("family", ["metadata", "input", "output"])
def test_pairs_speak_about_one_entry(text: str, expected: set[str], family: str) -> None:
    """The same rules hold for inputs and outputs."""
    runs = PAIR_RUNS
    if family != "metadata":
        plural = f"{family}s"
        text = text.replace("metadata_", f"{family}_").replace("metadata", plural)
        runs = {
            name: make(**{plural: facts.payload("metadata")}) if facts.run.extra else facts
            for name, facts in PAIR_RUNS.items()
        }
    assert {name for name, facts in runs.items() if holds(text, facts)} == expected


FEEDBACK_RUNS = {
    "k 1": make(feedback=(record("k", 1.0),)),
    "k 0": make(feedback=(record("k", 0.0),)),
    "k 0 and 1": make(feedback=(record("k", 0.0), record("k", 1.0))),
    "comment": make(feedback=(record("k", comment="Good"),)),
    "other": make(feedback=(record("other", 1.0, value="x", source={"type": "api"}),)),
    "low and high": make(feedback=(record("a", 0.1), record("a", 0.95))),
    "nothing": make(),
}
FEEDBACK_TABLE = [
    ("eq(feedback_key, 'k')", {"k 1", "k 0", "k 0 and 1", "comment"}),
    ("has(feedback_key, 'k')", {"k 1", "k 0", "k 0 and 1", "comment"}),
    ("and(eq(feedback_key, 'k'), eq(feedback_score, 1))", {"k 1", "k 0 and 1"}),
    ("and(eq(feedback_key, 'k'), eq(feedback_score, true))", {"k 1", "k 0 and 1"}),
    ("and(eq(feedback_key, 'k'), eq(feedback_score, '1'))", {"k 1", "k 0 and 1"}),
    ("and(eq(feedback_key, 'k'), neq(feedback_score, 1))", {"k 0", "comment"}),
    ("neq(feedback_score, 1)", {"k 0", "comment", "low and high", "nothing"}),
    ("eq(feedback_score, 1)", {"k 1", "k 0 and 1", "other"}),
    ("neq(feedback_key, 'k')", {"other", "low and high", "nothing"}),
    # Several positive value tests without a key speak about one record.
    ("and(gte(feedback_score, .5), lt(feedback_score, 0.9))", set()),
    ("and(gt(feedback_score, 0), lt(feedback_score, 0.9))", {"low and high"}),
    # One is met by a record of the key, and no record of the key is excluded.
    ("and(eq(feedback_key, 'k'), gte(feedback_score, 0), neq(feedback_score, 1))", {"k 0"}),
    ("eq(feedback.k, 1)", {"k 1", "k 0 and 1"}),
    ("neq(feedback.k, 1)", {"k 0"}),
    ("nin(feedback.k, [1, 2])", {"k 0"}),
    ("nin(feedback.k, [])", {"k 1", "k 0", "k 0 and 1"}),
    ("exists(feedback.k)", {"k 1", "k 0", "k 0 and 1"}),
    ("eq(feedback.k, null)", {"comment", "other", "low and high", "nothing"}),
    ("in(feedback.k, [null, 0])",
     {"k 0", "k 0 and 1", "comment", "other", "low and high", "nothing"}),
    ("exists(feedback_comment)", {"comment"}),
    ("and(eq(feedback_key, 'k'), eq(feedback_comment, null))", {"k 1", "k 0", "k 0 and 1"}),
    ("and(eq(feedback_key, 'k'), eq(feedback_score, null))", {"comment"}),
    ("like(feedback_comment, 'good')", {"comment"}),
    ("eq(feedback_value, 'x')", {"other"}),
    ("eq(feedback_source, 'api')", {"other"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), FEEDBACK_TABLE, ids=[row[0] for row in FEEDBACK_TABLE]
)
def test_feedback_tests_speak_about_one_record(text: str, expected: set[str]) -> None:
    assert {name for name, facts in FEEDBACK_RUNS.items() if holds(text, facts)} == expected


FULL = make(
    name="ChatOpenAI",
    run_type="llm",
    status="error",
    error="ValueError: 50% bad",
    end_us=2_500_000,
    first_token_us=300_000,
    parent_run_id=CHILD_ID,
    project_id=CHILD_ID,
    project_name="default",
    thread_id="t-1",
    tags=("prod", "v2"),
    totals={"total_tokens": (5_001, 2), "total_cost": (100_000_000_000, 1),
            "prompt_token_details.cache_read": (7, 1)},
    inputs={"messages": [{"content": "Hello wide World"}], "n": 7},
    outputs={"text": "Rückgabe", "ok": True},
    metadata={"a": {"b": 1}, "flag": True, "text": "true", "score": 0.7, "ls_run_depth": 0},
)  # fmt: skip
EMPTY = make(inputs={}, outputs={"a": None})

ON_FULL_ONLY = [
    'eq(name, "ChatOpenAI")', 'like(name, "chat%")', 'like(name, "openai")', 'gt(name, "Cha")',
    'in(name, ["x", "ChatOpenAI"])', r'regex(name, "^Chat\\w+$")', 'neq(name, "x")',
    'notlike(name, "x")', 'nin(name, ["x"])', "exists(name)", "neq(name, null)", "nin(name, [])",
    "eq(error, true)", "neq(error, null)", "neq(error, false)", 'like(error, "%50\\\\% bad")',
    'search(error, "valueerror")', "gt(latency, 2)", 'gte(latency, "2.5s")', 'lt(latency, "1m")',
    'eq(latency, "2500ms")', "exists(end_time)", 'lt(end_time, "1970-01-01T00:00:03")',
    "gt(total_tokens, 5000)", 'gt(total_tokens, "5000")', "gt(total_cost, 0.09)",
    "eq(total_cost, 0.1)", "neq(total_cost, 1)", "gt(prompt_token_details.cache_read, 6)",
    'has(tags, "prod")', 'eq(tags, "prod")', 'in(tags, ["x", "v2"])', 'like(tags, "PRO%")',
    "exists(tags)", "neq(tags, null)", 'search("hello world")', 'search("wor hel")',
    'search(inputs, "wide")', 'search(outputs, "RÜCK")', 'search(tags, "v2")', 'search("7")',
    'like(inputs, "WIDE")', 'like(input_value, "hello%world")', "exists(inputs)",
    'and(eq(input_key, "messages.content"), like(input_value, "hello"))', "eq(inputs.n, 7.0)",
    'regex(outputs, "R.ck")', "eq(outputs.ok, true)", "neq(metadata, null)", "gt(metadata.a.b, 0)",
    'has(metadata, "a")', 'exists(metadata, "a.b")', "exists(metadata.a)", 'has(extra, "metadata")',
    "eq(extra.metadata.a.b, 1)", 'eq(thread_id, "t-1")', f'eq(parent_run_id, "{CHILD_ID.upper()}")',
    f'eq(session_id, "{CHILD_ID}")', 'eq(project_name, "default")', "exists(first_token_time)",
    'has(metadata, \'{"a": {"b": 1}, "flag": true}\')', 'neq(parent_run_id, "no id")',
    f'in(parent_run_id, ["no id", "{CHILD_ID}"])', "eq(metadata.ls_run_depth, 0)",
]  # fmt: skip
ON_EMPTY_ONLY = [
    "eq(name, null)", "not(exists(name))", "in(name, [null])", "eq(error, false)",
    "neq(error, true)", "eq(error, null)", "eq(latency, null)", 'not(eq(name, "ChatOpenAI"))',
    "not(gt(latency, 0))", "eq(total_tokens, 0)", "eq(total_cost, null)", "eq(tags, null)",
    'neq(tags, "prod")', 'nin(tags, ["prod", "x"])', 'notlike(tags, "prod")', "eq(inputs, null)",
    'notlike(inputs, "world")', "eq(metadata, null)", 'eq(status, "pending")',
    'not(search("world"))', "neq(metadata_value, true)", "eq(metadata.a, null)",
    "eq(parent_run_id, null)",
]  # fmt: skip
ON_BOTH = [
    "exists(outputs)", "eq(is_root, true)", "neq(is_root, false)", "eq(is_root, 1)",
    f'eq(id, "{ID}")', f'eq(trace_id, "{ID.replace("-", "")}")', 'eq(start_time, "1970-01-01")',
    "gte(total_tokens, 0)", "gt(total_tokens, -1e300)", "nin(tags, [])", 'neq(id, "no id")',
    "not(eq(total_tokens, 0.5))",
]  # fmt: skip
ON_NEITHER = [
    'neq(name, "ChatOpenAI")', 'notlike(name, "chat%")', 'eq(name, "chatopenai")',
    'regex(name, "chat")', "gt(latency, 2.5)", 'eq(id, "no id")', "in(name, [])",
    "eq(total_tokens, 0.5)", "gt(total_tokens, 1e300)", 'search("orld")', 'search(name, "world")',
    'eq(metadata_value, "0.7")', "eq(metadata.text, true)", 'eq(metadata.flag, "true")',
    "eq(metadata.flag, 1)", "gt(metadata.flag, 0)", "gt(metadata.text, 0)", "eq(inputs.n, true)",
    "exists(outputs.a)", 'has(metadata, "b")', "lt(first_token_time, '1970-01-01')",
    'search("messages")', "eq(metadata.a, 1)", "eq(is_root, false)", 'like(name, "Chat_")',
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "full", "empty"),
    [
        *((text, True, False) for text in ON_FULL_ONLY),
        *((text, False, True) for text in ON_EMPTY_ONLY),
        *((text, True, True) for text in ON_BOTH),
        *((text, False, False) for text in ON_NEITHER),
    ],
)
def test_a_filter_means_what_the_language_guide_says(text: str, full: bool, empty: bool) -> None:
    assert (holds(text, FULL), holds(text, EMPTY)) == (full, empty)


@pytest.mark.parametrize("text", ["true", '"true"', "1", '"1"'])
@pytest.mark.parametrize("value", [True, "true", 1, 1.0, "1"])
def test_json_types_stay_apart(text: str, value: object) -> None:
    same: dict[str, list[object]] = {
        "true": [True],
        '"true"': ["true"],
        "1": [1, 1.0],
        '"1"': ["1"],
    }
    expected = (type(value), value) in [(type(one), one) for one in same[text]]
    assert holds(f"eq(metadata.k, {text})", make(metadata={"k": value})) == expected
    assert holds(f"in(metadata.k, [{text}])", make(metadata={"k": value})) == expected
    assert holds(f"neq(metadata.k, {text})", make(metadata={"k": value})) != expected


@pytest.mark.parametrize(
    ("have", "text", "expected"),
    [
        pytest.param(2**63, "eq(inputs.n, 9223372036854775808)", True, id="past signed 64 bits"),
        pytest.param(2**53 + 1, "eq(inputs.n, 9007199254740993)", True, id="past a float's digits"),
        pytest.param(2**53 + 1, "eq(inputs.n, 9007199254740992)", False, id="no rounding to it"),
        pytest.param(1e20, "eq(inputs.n, 100000000000000000000)", True, id="past 64 bits"),
        pytest.param(0.1, "eq(inputs.n, 0.1)", True, id="a float"),
        pytest.param(0.5, "lt(inputs.n, 1)", True, id="float and int in order"),
    ],
)
def test_numbers_compare_exactly(have: float, text: str, expected: bool) -> None:
    assert holds(text, make(inputs={"n": have})) == expected


def test_an_object_as_feedback_value_is_its_json_text() -> None:
    facts = make(feedback=(record("k", value={"a": 1}),))
    assert holds("eq(feedback_value, '{\"a\":1}')", facts)
    assert not holds("eq(feedback_value, null)", facts)


def test_details_of_a_run_without_usage_are_absent() -> None:
    assert not holds("neq(prompt_token_details.cache_read, 1)", EMPTY)
    assert holds("eq(prompt_token_details.cache_read, null)", EMPTY)
