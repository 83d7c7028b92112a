import json
from typing import Any

import pytest

from runstore.errors import CursorError, InvalidRequest, NotFound, SchemaError, TooLarge
from runstore.filter.errors import At, FilterError
from runstore.model.batch import Batch
from runstore.model.feedback import Feedback
from runstore.model.run import Refusal, RunMessage
from runstore.wire.problems import REFUSALS_SHOWN, encode_error, encode_ingest
from tests.wire.parts import OTHER, RUN

GOOD = RunMessage(id=RUN, is_patch=False)
BAD = Refusal(OTHER, "name: 1 is not a string")


# fmt: off
@pytest.mark.parametrize(("error", "body"), [
    pytest.param(InvalidRequest("no"), {"detail": "no", "code": "invalid_request"}, id="plain"),
    pytest.param(NotFound("Run not found"), {"detail": "Run not found", "code": "not_found"},
                 id="not found"),
    pytest.param(CursorError("bad"), {"detail": "bad", "code": "cursor_invalid"}, id="cursor"),
    pytest.param(TooLarge("big", 7), {"detail": "big", "code": "too_large", "limit": 7},
                 id="too large, with the limit"),
    pytest.param(SchemaError((("body", "limit"), "0 is less than 1")),
                 {"detail": [{"loc": ["body", "limit"], "msg": "0 is less than 1",
                              "type": "value_error"}], "code": "schema_invalid"},
                 id="schema, as FastAPI writes it"),
])
# fmt: on
def test_the_body_of_an_error(error: Any, body: dict[str, Any]) -> None:
    assert json.loads(encode_error(error)) == body


def test_a_filter_error_shows_the_place() -> None:
    error = FilterError(
        "unknown field nane", 'eq(nane, "x")', At(3, 7), "did you mean name?", ("name",), "filter"
    )
    body = json.loads(encode_error(error))
    assert body["detail"] == str(error)
    assert body["at"] == {"start": 3, "end": 7}
    assert (body["hint"], body["allowed"]) == ("did you mean name?", ["name"])
    assert (body["where"], body["code"]) == ("filter", "filter_invalid")


# fmt: off
@pytest.mark.parametrize(("batch", "refused_later", "status"), [
    pytest.param(Batch(), [], 202, id="nothing sent"),
    pytest.param(Batch(messages=[GOOD]), [], 202, id="all good"),
    pytest.param(Batch(messages=[GOOD], refusals=[BAD]), [], 202, id="one bad when decoded"),
    pytest.param(Batch(messages=[GOOD, GOOD]), [BAD], 202, id="one bad when stored"),
    pytest.param(Batch(feedback=[Feedback(id=RUN, key="k")], refusals=[BAD]), [], 202,
                 id="only feedback was good"),
    pytest.param(Batch(refusals=[BAD]), [], 422, id="none good when decoded"),
    pytest.param(Batch(messages=[GOOD]), [BAD], 422, id="none good when stored"),
])
# fmt: on
def test_a_batch_is_refused_only_if_none_was_good(
    batch: Batch, refused_later: list[Refusal], status: int
) -> None:
    answer = encode_ingest(batch, refused_later)
    assert answer.status == status
    body = json.loads(answer.body)
    bad = batch.refusals + refused_later
    if bad:
        assert body["refused"] == [{"run_id": OTHER, "reason": "name: 1 is not a string"}]
    else:
        assert body == {"message": "Runs batch ingested"}
    if status == 422:
        assert "name: 1 is not a string" in body["error"]
        assert body["detail"] in body["error"]


def test_the_answer_to_a_thousand_bad_runs_stays_small() -> None:
    answer = encode_ingest(Batch(messages=[GOOD], refusals=[BAD] * 1000), [])
    body = json.loads(answer.body)
    assert len(body["refused"]) == REFUSALS_SHOWN
    assert body["message"] == "Runs batch ingested, 1000 of 1001 refused"
