"""Pages whose runs are found later: what the end of an answer says, and what is left."""

from typing import Any

import orjson
import pytest

from runstore.client.calls.runs import read_bytes
from runstore.client.http import HttpResponse
from runstore.client.reading import RunReader
from runstore.client.record import end_of
from runstore.client.run_page import decode_page
from runstore.errors import UnexpectedAnswer

RUN = {"id": "11111111-1111-4111-8111-111111111111", "name": "a"}
CURSORS = {"next": "further", "prev": None}


def answer(runs: list[Any], **rest: Any) -> bytes:
    return orjson.dumps({"runs": runs, "cursors": CURSORS, **rest})


def test_the_end_says_where_a_page_leads() -> None:
    end = end_of(answer([RUN], search_cursors=None, parsed_query='search("x")'))
    assert end is not None
    assert (end.cursors, end.parsed_query) == (CURSORS, 'search("x")')


INNER = {"a": [1], "cursors": {"next": "wrong"}}


# fmt: off
@pytest.mark.parametrize("body", [
    pytest.param(answer([]),                                           id="no runs"),
    pytest.param(orjson.dumps({"cursors": CURSORS, "runs": [RUN]}),     id="cursors come first"),
    pytest.param(orjson.dumps({"runs": [RUN]}),                        id="no cursors"),
    pytest.param(orjson.dumps({"runs": [{**RUN, "inputs": INNER}]}),   id="only a payload's"),
    pytest.param(orjson.dumps({"runs": [{**RUN, "inputs": INNER}], "cursor": 1}),
                                                                       id="a payload's, and more"),
    pytest.param(orjson.dumps({"runs": [RUN]}, option=orjson.OPT_INDENT_2), id="with blanks"),
    pytest.param(b'{"runs":[{}],"cursors":{"next":"a"},"runs":[{}]}',  id="runs twice"),
    pytest.param(b'{"runs":[{}],"cursors":{"next":1}}',                id="a cursor that is none"),
    pytest.param(b"not json",                                          id="not JSON"),
])
# fmt: on
def test_where_the_end_cannot_be_told_the_page_is_read(body: bytes) -> None:
    assert end_of(body) is None


# fmt: off
@pytest.mark.parametrize("run", [
    pytest.param({**RUN, "inputs": INNER},                              id="looks like an end"),
    pytest.param({**RUN, "name": '],"cursors":{"next":"wrong"}}'},      id="a text of one"),
    pytest.param({**RUN, "inputs": {"x": [INNER, {"runs": [INNER]}]}},  id="deeper"),
])
# fmt: on
def test_what_only_looks_like_an_end_does_not_mislead(run: dict[str, Any]) -> None:
    body = answer([RUN, run], parsed_query=None)
    end = end_of(body)
    assert end is None or end.cursors == CURSORS
    read = RunReader().page(HttpResponse(200, body), None)
    assert read.next_cursor == read.page.next_cursor == "further"
    assert [one.raw_json for one in read.page.runs] == [orjson.dumps(RUN), orjson.dumps(run)]


@pytest.mark.parametrize("runs_max", [None, 1, 5])
def test_a_page_read_later_is_the_page(runs_max: int | None) -> None:
    body = answer([RUN, {**RUN, "name": "b"}], parsed_query="x")
    now = decode_page(body)
    read = RunReader().page(HttpResponse(200, body), runs_max)
    assert [one.raw_json for one in read.page.runs] == [one.raw_json for one in now.runs][:runs_max]
    assert read.page.runs is read.page.runs
    assert (read.page.next_cursor, read.page.prev_cursor) == ("further", None)
    assert read.page.parsed_query == "x"
    assert read_bytes(HttpResponse(200, body), runs_max).next_cursor == "further"


def test_what_is_wrong_before_the_end_is_said_when_runs_are_looked_at() -> None:
    body = b'{"runs":[{"id":oops}],"cursors":{"next":null}}'
    read = RunReader().page(HttpResponse(200, body), None)
    assert read.next_cursor is None
    with pytest.raises(UnexpectedAnswer, match="not a page of runs"):
        _ = read.page.runs
