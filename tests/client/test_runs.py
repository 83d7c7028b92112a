"""list_runs and what it gives: the same over HTTP and on a folder, sync and async."""

from collections.abc import Callable
from typing import Any

import pytest

from runstore import Client, F, FilterError, InvalidArgument, NotFound, Run
from runstore.client.drive import drive
from tests.client.conftest import Connect, Place
from tests.client.corpus import ALL, CORPUS
from tests.client.world import APP, MANY, MANY_PROJECT, id_of, run, write_runs


def names(client: Client, **asked: Any) -> list[str]:
    return [one.name for one in client.list_runs(**asked)]


@pytest.mark.parametrize("asked, expected", CORPUS)
def test_what_is_asked_is_what_comes(
    client: Client, asked: dict[str, Any], expected: list[str]
) -> None:
    found = names(client, **asked)
    assert sorted(found) == sorted(expected)
    assert client.list_runs(**asked).count() == len(expected)
    first = client.list_runs(**asked).first()
    assert (first and first.name) == (found[0] if found else None)
    oldest_first = names(client, **asked, order="asc")
    assert sorted(oldest_first) == sorted(expected)


def test_all_pages_come_newest_first(client: Client) -> None:
    found = names(client, project_name=MANY_PROJECT)
    assert found == [f"step {number}" for number in reversed(range(MANY))]


def test_the_other_order_is_the_reverse(client: Client) -> None:
    found = names(client, project_name=MANY_PROJECT, order="asc", select=["name"])
    assert found == [f"step {number}" for number in range(MANY)]


@pytest.mark.parametrize("limit", [1, 100, 101, 1_000, 1_001, MANY, MANY + 1])
def test_limit_is_the_number_of_runs_in_all(client: Client, limit: int) -> None:
    runs = client.list_runs(project_name=MANY_PROJECT, limit=limit, select="name")
    assert len(runs.to_list()) == min(limit, MANY)
    assert runs.count() == min(limit, MANY)


def test_a_walk_goes_on_where_another_stood(client: Client) -> None:
    asked: Any = {"project_name": MANY_PROJECT, "select": ["name"]}
    runs = client.list_runs(**asked, limit=7)
    found = [one.name for one in runs]
    assert runs.cursor
    rest = client.list_runs(**asked, cursor=runs.cursor)
    assert rest.count() == MANY - 7
    found += [one.name for one in rest]
    assert found == [f"step {number}" for number in reversed(range(MANY))]
    assert rest.cursor is None


def test_pages_have_the_cursor_behind_them(client: Client) -> None:
    pages = list(client.list_runs(project_name=MANY_PROJECT, select=["name"]).pages())
    assert sum(len(page.runs) for page in pages) == MANY
    assert [bool(page.next_cursor) for page in pages] == [True] * (len(pages) - 1) + [False]
    assert len(pages) > 1


def test_next_gives_one_run_at_a_time(client: Client) -> None:
    runs = client.list_runs(project_name=MANY_PROJECT)
    assert [next(runs).name for _ in range(3)] == [f"step {MANY - n}" for n in (1, 2, 3)]


def test_select_gives_what_it_names(client: Client) -> None:
    [whole] = client.list_runs(run_ids=id_of("agent"))
    [part] = client.list_runs(run_ids=id_of("agent"), select=("outputs",))
    assert whole.inputs == {"label": "agent"}
    assert (part.inputs, part.outputs) == ({}, whole.outputs)


# fmt: off
@pytest.mark.parametrize("use", [
    lambda runs: runs.to_list(), lambda runs: list(runs), lambda runs: runs.first(),
    lambda runs: runs.count(), lambda runs: runs.explain(), lambda runs: next(runs),
    lambda runs: list(runs.pages()), lambda runs: runs.to_arrow(),
])
# fmt: on
def test_a_name_or_a_filter_that_is_wrong_is_said_whatever_is_asked(
    client: Client, use: Callable[[Any], Any]
) -> None:
    with pytest.raises(NotFound, match="Project nobody not found"):
        use(client.list_runs(project_name=[APP, "nobody"]))
    with pytest.raises(FilterError) as caught:
        use(client.list_runs(project_name=APP, filter='eq(run_tipe, "llm")'))
    assert caught.value.text[caught.value.at.start : caught.value.at.end] == "run_tipe"
    assert caught.value.hint == "did you mean run_type?"
    assert "^^^^^^^^" in str(caught.value)


def test_a_call_that_means_nothing_is_refused_at_once(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="does not say which runs"):
        client.list_runs(is_root=True)
    with pytest.raises(TypeError, match="did you mean run_type"):
        client.list_runs(project_name=APP, run_tpye="llm")  # type: ignore[call-arg]


def test_the_server_explains_itself(client: Client) -> None:
    found = client.list_runs(project_name=APP, filter=F.name == "agent").explain()
    assert found.filter == 'eq(name, "agent")'
    assert found.steps
    assert found.actual_runs == 1


# --- frames


def test_columns_hold_what_runs_hold(client: Client) -> None:
    runs = client.list_runs(project_name=MANY_PROJECT, limit=1_100)
    table = runs.to_arrow()
    listed = runs.to_list()
    assert table.column("name").to_pylist() == [one.name for one in listed]
    assert table.column("id").to_pylist() == [str(one.id) for one in listed]
    assert table.column("start_time").to_pylist() == [one.start_time for one in listed]


def test_a_parquet_file_and_frames_hold_the_table(client: Client, tmp_path: Any) -> None:
    from pyarrow import parquet

    runs = client.list_runs(project_name=APP)
    assert runs.to_parquet(tmp_path / "app.parquet") == len(ALL)
    table = runs.to_arrow()
    assert parquet.read_table(tmp_path / "app.parquet").equals(table)
    assert list(runs.to_pandas()["name"]) == table.column("name").to_pylist()
    assert runs.to_polars()["name"].to_list() == table.column("name").to_pylist()


def test_a_progress_bar_shows_on_request_and_changes_nothing(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.list_runs(project_name=APP).to_arrow(progress=True).num_rows == len(ALL)
    assert client.list_runs(project_name=APP).to_arrow().num_rows == len(ALL)
    assert capsys.readouterr().out == ""


# --- single runs and trees


def outline(one: Run) -> Any:
    return {one.name: [outline(child) for child in one.child_runs or []]}


TREE = {"agent": [{"extractor": [{"model": []}]}, {"search": []}]}


def test_a_run_is_read_by_its_id(client: Client) -> None:
    one = client.read_run(id_of("agent"))
    [listed] = client.list_runs(run_ids=[id_of("agent")])
    assert one.child_runs is None
    assert one.model_dump() == listed.model_dump()
    with pytest.raises(NotFound):
        client.read_run(id_of("nobody"))
    with pytest.raises(InvalidArgument, match="run_id: 'x' is not a UUID"):
        client.read_run("x")


def test_a_run_comes_with_what_is_below_it(client: Client) -> None:
    assert outline(client.read_run(str(id_of("agent")), load_child_runs=True)) == TREE
    below = client.read_run(id_of("agent.extractor"), load_child_runs=True)
    assert outline(below) == {"extractor": [{"model": []}]}


def test_a_trace_is_a_tree_in_its_order(client: Client) -> None:
    root = client.read_trace(id_of("agent"))
    assert outline(root) == TREE
    assert root.total_tokens == 6_030
    assert client.read_trace(str(id_of("agent")), select=["name"]).inputs == {}
    for other in ("agent.search", "nobody"):
        with pytest.raises(NotFound, match="not found"):
            client.read_trace(id_of(other))


# --- figures


def test_figures_are_of_the_runs_that_would_be_listed(client: Client) -> None:
    found = client.get_run_stats(project_name=APP, filter=F.latency > 11)
    assert found["run_count"] == 2
    assert found["latency_p50"] > 11
    assert client.get_run_stats(project_name=APP, select=["run_count"]) == {"run_count": len(ALL)}


def test_figures_come_in_groups(client: Client) -> None:
    by_type = client.get_run_stats(project_name=APP, group_by="run_type", select=["run_count"])
    counts = {"chain": 3, "llm": 1, "tool": 1}
    assert by_type == {name: {"run_count": count} for name, count in counts.items()}
    by_tenant = client.get_run_stats(
        project_name=APP, group_by="metadata.tenant", select=["run_count"], groups=["acme"]
    )
    assert by_tenant == {"acme": {"run_count": 2}}


def test_the_server_says_what_it_is(client: Client) -> None:
    assert client.server_info()["instance_flags"]["runstore_page_runs_max"] == 1_000


# --- writing


def write(target: str, *runs: dict[str, Any]) -> None:
    with Client(target) as writer:
        drive(write_runs(list(runs)), writer._transport)


def test_deleted_traces_are_gone(own_place: Place, connect: Connect) -> None:
    write(own_place.target, run("a"), run("a.b"), run("c"))
    one = connect()
    assert one.delete_traces([id_of("a"), id_of("nobody")]) == 2
    assert names(one, all_projects=True) == ["c"]


def test_a_trace_without_its_root_is_not_found_but_said_to_be_there(
    own_place: Place, connect: Connect
) -> None:
    write(own_place.target, run("root.b"), run("root.b.c.d"))
    with pytest.raises(NotFound, match="its root has not come; 2 of its runs have"):
        connect().read_trace(id_of("root"))


def test_a_run_without_its_parent_hangs_below_the_nearest_ancestor(
    own_place: Place, connect: Connect
) -> None:
    write(own_place.target, run("root"), run("root.a", 1), run("root.a.b.c", 2), run("root.z.y", 3))
    tree = connect().read_trace(id_of("root"))
    assert outline(tree) == {"root": [{"y": []}, {"a": [{"c": []}]}]}
