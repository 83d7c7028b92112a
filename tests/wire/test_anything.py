"""Whatever JSON comes, the decoders answer with a value, a refusal or an error of ours."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.errors import RunstoreError
from runstore.model.jsontext import valid_json
from runstore.wire.feedback import decode_feedback, decode_feedback_changes
from runstore.wire.projects import decode_project, decode_project_changes
from runstore.wire.query import decode_run_query
from runstore.wire.runs import decode_batch
from runstore.wire.stats import decode_stats_query
from tests.wire.parts import NOW_US, RUN

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from([RUN, "2026-01-02T03:04:05Z", "asc", "1", "", "llm", "metadata", "inputs"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "attribute", "path", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
RUN_FIELDS = [
    *("id", "trace_id", "parent_run_id", "dotted_order", "session_id", "session_name", "address"),
    *("name", "run_type", "start_time", "end_time", "error", "status", "tags", "inputs"),
    *("outputs", "extra", "events", "serialized", "reference_example_id"),
]
QUERY_FIELDS = [
    *("id", "session", "trace", "parent_run", "run_type", "reference_example", "start_time"),
    *("end_time", "error", "is_root", "execution_order", "filter", "query", "cursor", "limit"),
    *("select", "order", "skip_pagination", "group_by", "groups"),
]
OTHER_FIELDS = [
    *("id", "key", "run_id", "trace_id", "session_id", "score", "value", "comment", "correction"),
    *("feedback_source", "extra", "created_at", "error", "name", "description", "end_time"),
]


def bodies(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), VALUES, max_size=5)


@given(runs=st.lists(bodies(RUN_FIELDS) | VALUES, max_size=4))
def test_every_run_of_a_batch_is_taken_or_refused(runs: list[Any]) -> None:
    batch = decode_batch(json.dumps({"post": runs, "patch": [{"id": RUN}]}).encode())
    assert len(batch.messages) + len(batch.refusals) == len(runs) + 1
    assert batch.messages[-1].id == RUN
    for message in batch.messages:
        for payload in (message.inputs, message.outputs, message.extra, message.serialized):
            assert payload is None or isinstance(valid_json(payload)[1], dict)
        assert message.events is None or isinstance(orjson.loads(message.events), list)


# fmt: off
@pytest.mark.parametrize(("decode", "names", "needed"), [
    pytest.param(decode_run_query, QUERY_FIELDS, {"session": [RUN]}, id="query"),
    pytest.param(decode_stats_query, QUERY_FIELDS, {"session": [RUN]}, id="stats"),
    pytest.param(lambda body: decode_feedback(body, new_id=lambda: RUN, now_us=NOW_US),
                 OTHER_FIELDS, {"key": "k", "run_id": RUN}, id="feedback"),
    pytest.param(decode_feedback_changes, OTHER_FIELDS, {}, id="feedback changes"),
    pytest.param(lambda body: decode_project(body, new_id=lambda: RUN, now_us=NOW_US),
                 OTHER_FIELDS, {"name": "p"}, id="project"),
    pytest.param(decode_project_changes, OTHER_FIELDS, {}, id="project changes"),
])
# fmt: on
@given(data=st.data())
def test_a_body_is_read_or_refused_in_words(
    decode: Callable[[bytes], object],
    names: list[str],
    needed: dict[str, Any],
    data: st.DataObject,
) -> None:
    assert decode(json.dumps(needed).encode()) is not None
    body = {**needed, **data.draw(bodies(names))}
    try:
        decode(json.dumps(body).encode())
    except RunstoreError as error:
        assert error.status in (400, 413, 422)
        assert str(error)
