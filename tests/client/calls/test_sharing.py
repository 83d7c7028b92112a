"""Public links: what LangSmith is asked, and what a server without them is said to lack."""

import uuid
from typing import Any

import orjson
import pytest

from runstore.client.calls.sharing import (
    SharedRuns,
    read_run_shared_link,
    read_shared_run,
    share_run,
    unshare_run,
)
from runstore.errors import InvalidArgument, InvalidRequest, NotFound, UnexpectedAnswer
from runstore.wire.info import encode_info
from tests.client.calls.answering import always, in_turn, run_steps

RUN = "22222222-2222-4222-8222-222222222222"
TOKEN = "33333333-3333-4333-8333-333333333333"
HOST = "https://smith.langchain.com"
SHARED = orjson.dumps({"run_id": RUN, "share_token": TOKEN})
URL = f"{HOST}/public/{TOKEN}/r"
BODY = orjson.dumps(
    {
        "id": RUN,
        "name": "n",
        "run_type": "llm",
        "start_time": "2026-01-02T03:04:05",
        "trace_id": RUN,
    }
)


def test_share_run_gives_the_url() -> None:
    steps = share_run(RUN, host_url=HOST, new_id=lambda: uuid.UUID(TOKEN))
    url, sent = run_steps(steps, always(SHARED))
    assert url == URL
    assert (sent[0].method, sent[0].path) == ("PUT", f"/runs/{RUN}/share")
    assert orjson.loads(sent[0].body) == {"run_id": RUN, "share_token": TOKEN}


@pytest.mark.parametrize(
    "answer, link", [(SHARED, URL), (b"null", None), (b"{}", None)], ids=["shared", "null", "no"]
)
def test_the_link_of_a_run(answer: bytes, link: str | None) -> None:
    found, sent = run_steps(read_run_shared_link(RUN, host_url=HOST), always(answer))
    assert found == link
    assert (sent[0].method, sent[0].path) == ("GET", f"/runs/{RUN}/share")


def test_unshare_run() -> None:
    _, sent = run_steps(unshare_run(RUN), always(b"{}"))
    assert (sent[0].method, sent[0].path) == ("DELETE", f"/runs/{RUN}/share")


@pytest.mark.parametrize("token", [TOKEN, uuid.UUID(TOKEN), URL])
def test_a_shared_run_is_read_by_token_or_url(token: Any) -> None:
    run, sent = run_steps(read_shared_run(token), always(BODY))
    assert run.name == "n"
    assert sent[0].path == f"/public/{TOKEN}/run"


def test_another_run_of_the_shared_trace() -> None:
    _, sent = run_steps(read_shared_run(TOKEN, RUN), always(BODY))
    assert sent[0].path == f"/public/{TOKEN}/run/{RUN}"


def shared_page(*names: str, next: str | None = None) -> bytes:
    runs = [{**orjson.loads(BODY), "name": name} for name in names]
    return orjson.dumps({"runs": runs, "cursors": {"next": next}})


def test_runs_of_a_shared_trace_come_page_by_page() -> None:
    pages = SharedRuns(URL, None)
    asked = []
    names = []
    for answer in (shared_page("a", "b", next="x"), shared_page("c")):
        runs, sent = run_steps(pages.next_page(), always(answer))
        names += [run.name for run in runs]
        asked += [(sent[0].path, orjson.loads(sent[0].body))]
    path = f"/public/{TOKEN}/runs/query"
    assert names == ["a", "b", "c"]
    assert asked == [(path, {}), (path, {"cursor": "x"})]
    assert pages.is_done
    assert not pages.from_start().is_done


def test_shared_runs_may_be_named() -> None:
    _, sent = run_steps(SharedRuns(TOKEN, [RUN]).next_page(), always(shared_page("a")))
    assert orjson.loads(sent[0].body) == {"id": [RUN]}
    assert SharedRuns(TOKEN, []).is_done, "none is named: nothing is asked"


def test_shared_pages_that_go_round_are_an_error() -> None:
    pages = SharedRuns(TOKEN, None)
    run_steps(pages.next_page(), always(shared_page("a", next="x")))
    with pytest.raises(UnexpectedAnswer, match="leads back"):
        run_steps(pages.next_page(), always(shared_page("b", next="x")))


def test_a_token_is_wanted() -> None:
    with pytest.raises(InvalidArgument, match="neither a token nor a share URL"):
        run_steps(read_shared_run("https://smith.langchain.com/x"), always(BODY))


@pytest.mark.parametrize(
    "steps",
    [
        lambda: share_run(RUN),
        lambda: unshare_run(RUN),
        lambda: read_run_shared_link(RUN),
        lambda: read_shared_run(TOKEN),
        lambda: SharedRuns(TOKEN, None).next_page(),
    ],
    ids=["share", "unshare", "link", "read", "list"],
)
def test_a_runstore_is_said_to_have_no_links(steps: Any) -> None:
    with pytest.raises(InvalidRequest, match="Runstore, which has no public links"):
        run_steps(steps(), in_turn(NotFound("Not Found"), encode_info("0.1.0")))


def test_a_run_that_langsmith_does_not_have_is_not_found() -> None:
    with pytest.raises(NotFound, match="Run not found"):
        run_steps(share_run(RUN), in_turn(NotFound("Run not found"), b'{"version":"0.16.14"}'))
