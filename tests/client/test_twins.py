"""AsyncClient and Client send equal bytes, whatever is called, and give equal results."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from runstore import AsyncClient, Client, F, NotFound, UnexpectedAnswer
from runstore.client.http import HttpRequest
from tests.client.driven import driven
from tests.client.recorded import Answer, AsyncRecorded, SyncRecorded, page, run_id, server

ONE = "a36092d2-4ad5-4fb4-9c0d-0dba9a2ed836"
TWO = "9398e6be-964f-4aa4-8ae9-ad78cd4b7074"
PAGES = {None: page(1, 2, next="b"), "b": page(3)}
Use = Callable[[Client], Any]


def script(request: HttpRequest) -> Answer:
    """Some answer to everything the clients ask."""
    if request.path == "/runs/stats":
        return {"run_count": 3}
    if request.path == "/runs/query/explain":
        return {"filter": None, "steps": ["look"], "actual_runs": 3}
    if request.path == "/runs/delete":
        return {"deleted": 2}
    if request.path == "/datasets":
        return [{"id": TWO}]
    if request.path == "/examples":
        offset = int(dict(request.params)["offset"])
        return [{"id": run_id(n)} for n in range(offset, 150)][:100]
    if request.path == f"/runs/{ONE}":
        return {**page(1)["runs"][0], "trace_id": TWO, "session_id": ONE}
    if request.path == "/attachments/x":
        return ["content"]
    if request.path == f"/public/{TWO}/runs/query":
        return PAGES["b"] if b'"cursor":"b"' in request.body else PAGES[None]
    if request.path == f"/public/{TWO}/run":
        return {**page(1)["runs"][0]}
    if request.path.endswith("/share"):
        return {"share_token": TWO}
    return server(PAGES, {"runstore_page_runs_max": 1_000})(request)


# fmt: off
CALLS: list[Use] = [
    lambda client: client.list_runs(project_name="p").to_list(),
    lambda client: client.list_runs(project_name=("p", "q"), project_id=ONE, limit=101).to_list(),
    lambda client: client.list_runs(trace_id=ONE, limit=2, select=("name", "tags")).to_list(),
    lambda client: client.list_runs(
        project_id={ONE}, run_type="llm", trace_id=ONE, reference_example_id=TWO, query="words",
        filter=F.latency > 5, trace_filter=F.tags.has("a"), tree_filter='eq(name, "x")',
        is_root=False, parent_run_id=TWO, start_time=datetime(2026, 1, 2, tzinfo=UTC),
        end_time=datetime(2026, 1, 3, tzinfo=UTC), error=False, run_ids=[ONE], select={"name"},
        order="asc", cursor="b", limit=7,
    ).to_list(),
    lambda client: client.list_runs(all_projects=True, limit=1).to_list(),
    lambda client: client.list_runs(dataset_name="d", limit=1).to_list(),
    lambda client: client.list_runs(dataset_id=ONE, limit=1).to_list(),
    lambda client: list(client.list_runs(trace_id=ONE)),
    lambda client: [one.next_cursor for one in client.list_runs(trace_id=ONE).pages()],
    lambda client: client.list_runs(trace_id=ONE).first(),
    lambda client: client.list_runs(trace_id=ONE, limit=0).first(),
    lambda client: client.list_runs(trace_id=ONE, is_root=True, limit=2, order="asc").count(),
    lambda client: client.list_runs(trace_id=ONE, cursor="b").count(),
    lambda client: client.list_runs(trace_id=ONE, limit=5, order="asc", select="id").explain(),
    lambda client: client.list_runs(trace_id=ONE).to_arrow(progress=False).num_rows,
    lambda client: client.read_run(ONE),
    lambda client: client.read_run(ONE, load_child_runs=True),
    lambda client: client.read_trace(run_id(1)),
    lambda client: client.read_run(ONE, project_id=TWO, start_time="2026-01-02T03:04:05Z"),
    lambda client: client.read_trace(run_id(1), select=["name"]),
    lambda client: client.read_trace(run_id(1), select="name"),
    lambda client: client.get_run_stats(project_name="p", error=True),
    lambda client: client.get_run_stats(
        trace_id=ONE, select=["run_count"], group_by="metadata.tenant", groups=["a", None]
    ),
    lambda client: client.get_run_stats(project_names=["p"], group_by="name", groups="agent"),
    lambda client: client.delete_traces(ONE),
    lambda client: client.delete_traces((ONE, TWO), project_id=TWO),
    lambda client: client.read_attachment("/attachments/x"),
    lambda client: client.share_run(ONE, share_id=TWO),
    lambda client: client.unshare_run(ONE),
    lambda client: client.run_is_shared(ONE),
    lambda client: client.read_shared_run(TWO),
    lambda client: client.list_shared_runs(TWO).to_list(),
    lambda client: client.list_shared_runs(TWO, [run_id(3)]).first(),
    lambda client: client.server_info(),
]
# fmt: on


@pytest.mark.parametrize("use", CALLS)
def test_both_send_equal_bytes_and_give_equal_results(use: Use) -> None:
    one, other = SyncRecorded(script), AsyncRecorded(script)
    with asyncio.Runner() as runner:
        expected = use(Client("http://test", transport=one))
        assert use(driven(AsyncClient("http://test", transport=other), runner)) == expected
    assert other.sent == one.sent


def test_both_have_the_same_calls_with_the_same_keywords() -> None:
    def surface(kind: type) -> dict[str, str]:
        return {
            name: ", ".join(inspect.signature(member).parameters)
            for name, member in inspect.getmembers(kind, callable)
            if not name.startswith("_")
        }

    ours, theirs = surface(Client), surface(AsyncClient)
    del theirs["aclose"]
    assert ours == theirs


def test_help_shows_every_keyword() -> None:
    shown = inspect.signature(Client.list_runs).parameters
    assert {"project_name", "filter", "limit", "cursor"} <= set(shown)
    assert all(one.kind is not inspect.Parameter.VAR_KEYWORD for one in shown.values())


@pytest.mark.parametrize("path", ["/datasets", "/examples"])
def test_a_server_without_datasets_is_told_apart(path: str) -> None:
    def without(request: HttpRequest) -> Answer:
        return NotFound("Not Found") if request.path == path else script(request)

    client = Client("http://test", transport=SyncRecorded(without))
    with pytest.raises(NotFound, match="keeps no datasets.*reference_example_id"):
        client.list_runs(dataset_name="d").to_list()


@pytest.mark.parametrize("path", ["/sessions", "/datasets"])
def test_a_name_nobody_has_is_not_found(path: str) -> None:
    def without(request: HttpRequest) -> Answer:
        return [] if request.path == path else script(request)

    client = Client("http://test", transport=SyncRecorded(without))
    asked: dict[str, Any] = {"/sessions": {"project_name": "x"}, "/datasets": {"dataset_name": "x"}}
    with pytest.raises(NotFound, match="(Project|Dataset) x not found"):
        client.list_runs(**asked[path]).to_list()


@pytest.mark.parametrize(
    "path, asked",
    [("/examples", {"dataset_id": ONE}), ("/sessions", {"all_projects": True})],
)
def test_of_an_empty_dataset_or_store_there_are_no_runs(path: str, asked: dict[str, Any]) -> None:
    def without(request: HttpRequest) -> Answer:
        return [] if request.path == path else script(request)

    transport = SyncRecorded(without)
    runs = Client("http://test", transport=transport).list_runs(**asked)
    assert (runs.to_list(), runs.count(), runs.first()) == ([], 0, None)
    assert {one.path for one in transport.sent} == {path}
    assert runs.explain().actual_runs == 0


def test_every_example_of_a_dataset_is_asked_about() -> None:
    transport = SyncRecorded(script)
    Client("http://test", transport=transport).list_runs(dataset_name="d", limit=1).to_list()
    assert len(transport.queries[0]["reference_example"]) == 150


def test_a_server_that_cannot_explain_says_so() -> None:
    def without(request: HttpRequest) -> Answer:
        return NotFound("Not Found") if "explain" in request.path else script(request)

    client = Client("http://test", transport=SyncRecorded(without))
    with pytest.raises(NotFound, match="does not explain queries"):
        client.list_runs(trace_id=ONE).explain()


def test_traces_are_deleted_a_thousand_at_a_time() -> None:
    transport = SyncRecorded(script)
    client = Client("http://test", transport=transport)
    ids = [run_id(number) for number in range(1_001)]
    assert client.delete_traces(ids) == 4
    assert len(transport.sent) == 2


def test_a_server_that_does_not_count_what_it_deletes_gives_none() -> None:
    transport = SyncRecorded(lambda request: {"message": "ok"})
    assert Client("http://test", transport=transport).delete_traces(ONE, project_id=TWO) is None


@pytest.mark.parametrize("found", [[], {"run_count": None}, {"run_count": "3"}])
def test_figures_of_another_shape_are_an_unexpected_answer(found: Any) -> None:
    client = Client("http://test", transport=SyncRecorded(lambda request: found))
    with pytest.raises(UnexpectedAnswer):
        client.list_runs(trace_id=ONE).count()


def test_a_closed_client_lets_go_of_its_transport() -> None:
    one, other = SyncRecorded(script), AsyncRecorded(script)
    with Client("http://test", transport=one):
        pass

    async def use() -> None:
        async with AsyncClient("http://test", transport=other):
            pass

    asyncio.run(use())
    assert one.is_closed
    assert other.is_closed
