"""Walks through lists by offset: all of it, once, and no more than is asked for."""

import uuid
from typing import Any

import msgspec
import pytest

from runstore.client.calls.listing import OffsetPages, decoded, id_lists
from runstore.client.http import HttpRequest, HttpResponse
from runstore.errors import InvalidArgument, UnexpectedAnswer
from runstore.limits import LIST_IDS_PER_REQUEST, LIST_PAGE_ITEMS
from tests.client.calls.answering import Answerer, run_steps

ALL = list(range(2 * LIST_PAGE_ITEMS + 30))


def numbers(answer: HttpResponse) -> list[int]:
    found: list[int] = msgspec.json.decode(answer.body)
    return found


def listing(**given: Any) -> OffsetPages[int]:
    return OffsetPages("/numbers", [(("a", "b"),)], numbers, name=lambda item: item, **given)


def serve(items: list[int]) -> Answerer:
    def answer(request: HttpRequest) -> HttpResponse:
        params = dict(request.params)
        start = int(params["offset"])
        return HttpResponse(200, msgspec.json.encode(items[start : start + int(params["limit"])]))

    return answer


def walk(pages: OffsetPages[int], answer: Answerer) -> tuple[list[int], list[HttpRequest]]:
    items: list[int] = []
    sent: list[HttpRequest] = []
    while not pages.is_done:
        page, asked = run_steps(pages.next_page(), answer)
        items += page
        sent += asked
    return items, sent


@pytest.mark.parametrize(
    "limit, count, requests",
    [(None, len(ALL), 3), (5, 5, 1), (LIST_PAGE_ITEMS, LIST_PAGE_ITEMS, 1), (150, 150, 2)],
)
def test_a_walk_gives_what_is_asked_for(limit: int | None, count: int, requests: int) -> None:
    items, sent = walk(listing(limit=limit), serve(ALL))
    assert items == ALL[:count]
    assert len(sent) == requests
    assert sent[0].params[0] == ("a", "b")


def test_a_list_that_fills_its_last_page_ends_with_an_empty_one() -> None:
    items, sent = walk(listing(), serve(ALL[: LIST_PAGE_ITEMS * 2]))
    assert len(items) == 2 * LIST_PAGE_ITEMS and len(sent) == 3


def test_what_comes_twice_because_something_was_added_in_front_is_given_once() -> None:
    left = [ALL[:LIST_PAGE_ITEMS], ALL[LIST_PAGE_ITEMS - 3 : LIST_PAGE_ITEMS + 20]]

    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, msgspec.json.encode(left.pop(0)))

    items, _ = walk(listing(), answer)
    assert items == ALL[: LIST_PAGE_ITEMS + 20]


def test_a_walk_can_be_begun_anew() -> None:
    pages = listing(limit=5)
    walk(pages, serve(ALL))
    assert walk(pages.from_start(), serve(ALL))[0] == ALL[:5]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(InvalidArgument, match="limit: "):
        listing(limit=limit)


ID = str(uuid.uuid4())


@pytest.mark.parametrize(
    "ids, lists",
    [
        pytest.param(None, [()], id="nothing said: one list"),
        pytest.param([], [], id="an empty list is nothing, not everything"),
        pytest.param(ID, [(("run", ID),)], id="one id"),
        pytest.param((uuid.UUID(ID), ID.upper()), [(("run", ID),)], id="each once, canonical"),
    ],
)
def test_ids_as_parameters(ids: Any, lists: Any) -> None:
    assert id_lists("run", ids) == lists


def test_many_ids_are_asked_for_in_several_requests() -> None:
    ids = [uuid.uuid4() for _ in range(2 * LIST_IDS_PER_REQUEST + 1)]
    found = id_lists("run", iter(ids))
    assert [len(one) for one in found] == [LIST_IDS_PER_REQUEST, LIST_IDS_PER_REQUEST, 1]
    assert [value for one in found for _, value in one] == list(map(str, ids))


def test_a_wrong_id_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidArgument, match="'x' is not a UUID"):
        id_lists("run", [ID, "x"])


def test_an_answer_that_is_a_login_page_is_told_as_it_begins() -> None:
    with pytest.raises(UnexpectedAnswer, match="not a list of numbers.*<html>"):
        decoded(
            HttpResponse(200, b"<html>Sign in"),
            msgspec.json.Decoder(list[int]),
            "a list of numbers",
        )


def test_an_empty_list_of_lists_asks_nothing() -> None:
    pages: OffsetPages[int] = OffsetPages("/numbers", [], numbers, name=lambda item: item)
    assert walk(pages, serve(ALL)) == ([], [])
