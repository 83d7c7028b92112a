"""The wire contract's checklist, one test an item. Source: docs/wire.md."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import orjson
import pytest
from bench.http import Answer, Connection
from langsmith import Client

from runstore.benchmark.encode import BOUNDARY, compress, encode_feedback, encode_run, headers, join
from runstore.model.dotted_order import segment
from runstore.model.times import text_from_us, us_from_datetime
from tests.compat.conftest import Ask
from tests.compat.world import BAD, GOOD, MANY, MANY_RUNS, PROJECT, World
from tests.server.live import Live

NOW_US = us_from_datetime(datetime(2026, 6, 1, tzinfo=UTC))
PAIRS: dict[str, dict[str, Any]] = {
    "k=v": {"k": "v"},
    "k=w": {"k": "w"},
    "j=v": {"j": "v"},
    "j=x": {"j": "x"},
    "k=v,w": {"k": ["v", "w"]},
    "flag true": {"flag": True},
    "flag text": {"flag": "true"},
    "nested": {"a": {"b": [{"c": 1}, {"c": 2}]}, "z": None, "empty": []},
    "two": {"k1": "v1", "k2": "v2"},
    "crossed": {"k1": "v2", "k2": "v1"},
}

Json = dict[str, Any]
Post = Callable[..., Answer]


@pytest.fixture
def connection(live: Live) -> Iterator[Connection]:
    with Connection(urlsplit(live.url).port or 0) as one:
        yield one


@pytest.fixture
def query(connection: Connection) -> Callable[..., Json]:
    """query(**body): the answer of POST /runs/query."""

    def post(**body: Any) -> Json:
        answer = connection.request("POST", "/runs/query", orjson.dumps(body))
        assert answer.status == 200, answer.body
        found: Json = orjson.loads(answer.body)
        return found

    return post


@pytest.fixture(scope="package")
def pairs(client: Client) -> dict[str, UUID]:
    """A run for each of PAIRS, in the project "pairs", named as there."""
    ids = {}
    for name, metadata in PAIRS.items():
        ids[name] = uuid4()
        client.create_run(
            name, {}, "chain", id=ids[name], project_name="pairs", extra={"metadata": metadata}
        )
    client.flush()
    return ids


@pytest.fixture
def named(client: Client, pairs: dict[str, UUID]) -> Callable[[str], set[str]]:
    """named(filter): the names of the runs in "pairs" it holds on."""
    return lambda text: {run.name for run in client.list_runs(project_name="pairs", filter=text)}


def new_run(name: str = "run", **fields: Any) -> Json:
    run_id = str(uuid4())
    start = text_from_us(NOW_US)
    return {
        "id": run_id,
        "trace_id": run_id,
        "dotted_order": segment(NOW_US, run_id),
        "name": name,
        "run_type": "chain",
        "start_time": start,
        "session_name": "wire",
        "inputs": {"text": "in"},
    } | fields


def send(connection: Connection, *parts: bytes, zstd: bool = True) -> Answer:
    body = join(parts)
    packed = compress(body) if zstd else body
    fields = headers(len(body), len(packed))
    if not zstd:
        del fields["Content-Encoding"]
    return connection.request("POST", "/runs/multipart", packed, fields)


def read(connection: Connection, run_id: str) -> Json:
    answer = connection.request("GET", f"/runs/{run_id}")
    assert answer.status == 200, answer.body
    found: Json = orjson.loads(answer.body)
    return found


def test_the_refusal_of_an_unscoped_query_is_word_for_word(connection: Connection) -> None:
    answer = connection.request("POST", "/runs/query", b"{}")
    assert answer.status == 400
    assert orjson.loads(answer.body)["detail"] == (
        "At least one of 'session', 'id', 'parent_run', 'trace' or 'reference_example' "
        "must be specified"
    )


def test_a_limit_of_101_is_served(client: Client, world: World, query: Callable[..., Json]) -> None:
    session = str(client.read_project(project_name=MANY).id)
    assert len(query(session=[session], limit=101)["runs"]) == 101


@pytest.mark.parametrize("limit", [1, 7, 40, MANY_RUNS, MANY_RUNS + 1])
def test_paging_gives_every_run_once_and_ends_without_an_empty_page(
    client: Client, world: World, query: Callable[..., Json], limit: int
) -> None:
    body: Json = {"session": [str(client.read_project(project_name=MANY).id)], "limit": limit}
    seen: list[tuple[str, str]] = []
    while True:
        page = query(**body)
        assert page["runs"], "an empty page after a cursor"
        seen += [(run["start_time"], run["id"]) for run in page["runs"]]
        if not page["cursors"].get("next"):
            break
        assert len(page["runs"]) == limit, "a cut page"
        body["cursor"] = page["cursors"]["next"]
    assert seen == sorted(seen, reverse=True), "ties are in the order of ids"
    assert len(set(seen)) == MANY_RUNS


def test_times_go_out_with_a_zone(connection: Connection, world: World) -> None:
    assert read(connection, str(GOOD))["start_time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param('eq(metadata_key, "k")', {"k=v", "k=w", "k=v,w"}, id="eq key"),
        pytest.param('eq(metadata_value, "v")', {"k=v", "j=v", "k=v,w"}, id="eq value"),
        pytest.param(
            'and(eq(metadata_key, "k"), eq(metadata_value, "v"))',
            {"k=v", "k=v,w"},
            id="eq key, eq value",
        ),
        pytest.param(
            'and(eq(metadata_key, "k"), neq(metadata_value, "v"))',
            {"k=w"},
            id="eq key, neq value: none of its values",
        ),
        pytest.param(
            'neq(metadata_key, "k")',
            set(PAIRS) - {"k=v", "k=w", "k=v,w"},
            id="neq key",
        ),
        pytest.param(
            'and(neq(metadata_key, "k"), eq(metadata_value, "v"))', {"j=v"}, id="neq key, eq value"
        ),
        pytest.param(
            'and(neq(metadata_key, "k"), neq(metadata_value, "v"))',
            set(PAIRS) - {"k=v", "k=w", "k=v,w", "j=v"},
            id="neq key, neq value: neither",
        ),
        pytest.param(
            'and(and(eq(metadata_key, "k1"), eq(metadata_value, "v1")), '
            'and(eq(metadata_key, "k2"), eq(metadata_value, "v2")))',
            {"two"},
            id="two pairs in nested ands",
        ),
        pytest.param(
            'and(eq(metadata_key, "flag"), eq(metadata_value, true))', {"flag true"}, id="boolean"
        ),
        pytest.param(
            'and(eq(metadata_key, "flag"), eq(metadata_value, "true"))', {"flag text"}, id="text"
        ),
        pytest.param(
            'and(eq(metadata_key, "a.b.c"), gt(metadata_value, 1))', {"nested"}, id="array"
        ),
        pytest.param('eq(metadata_key, "z")', set(), id="a null leaf is no entry"),
        pytest.param('eq(metadata_key, "empty")', set(), id="an empty list is no entry"),
        pytest.param(
            'in(metadata_key, ["k1", "j"])', {"two", "crossed", "j=v", "j=x"}, id="in on the key"
        ),
    ],
)
def test_metadata_pairs(named: Callable[[str], set[str]], text: str, names: set[str]) -> None:
    assert named(text) == names


def test_trace_filter_holds_on_the_root_itself(ask: Ask) -> None:
    labels = ask(project_name=PROJECT, trace_filter='has(tags, "beta")')
    assert labels == {"bad", "bad.extractor", "bad.extractor.model", "bad.search"}


def test_tree_filter_may_be_met_by_the_run_itself(ask: Ask) -> None:
    labels = ask(
        project_name=PROJECT, filter='eq(name, "search")', tree_filter='eq(status, "error")'
    )
    assert labels == {"bad.search"}


def test_one_run_must_meet_the_whole_tree_filter(ask: Ask) -> None:
    text = 'and(eq(name, "extractor"), eq(status, "error"))'
    assert ask(project_name=PROJECT, tree_filter=text) == set()


def test_or_reaches_across_feedback_and_run(ask: Ask) -> None:
    feedback = 'and(eq(feedback_key, "user_score"), eq(feedback_score, 1))'
    text = f"or({feedback}, eq(run_type, 'tool'))"
    assert ask(project_name=PROJECT, filter=text) == {"good", "good.search", "bad.search"}


def test_an_unknown_body_field_is_named_in_a_header(connection: Connection) -> None:
    body = orjson.dumps({"id": [str(BAD)], "order_by": "latency"})
    answer = connection.request("POST", "/runs/query", body)
    assert answer.status == 200
    assert answer.headers["runstore-ignored"] == "order_by"


def test_id_meets_filter_and_needs_no_project(query: Callable[..., Json], world: World) -> None:
    page = query(id=[str(GOOD), str(BAD)], filter='has(tags, "beta")')
    assert [run["id"] for run in page["runs"]] == [str(BAD)]
    assert not page["cursors"].get("next")


def test_validate_tells_without_running(connection: Connection) -> None:
    body = orjson.dumps({"id": [str(BAD)], "filter": "gt(latncy, 5)"})
    answer = connection.request("POST", "/runs/query/validate", body)
    found = orjson.loads(answer.body)
    assert answer.status == 200
    assert found["valid"] is False
    assert [error["field"] for error in found["errors"]] == ["filter"]


def test_a_trace_comes_as_a_tree(client: Client, world: World) -> None:
    root = client.read_run(GOOD, load_child_runs=True)
    assert [run.name for run in root.child_runs or []] == ["extractor", "search"]
    assert [run.name for run in (root.child_runs or [])[0].child_runs or []] == ["model"]


@pytest.mark.parametrize("zstd", [True, False], ids=["zstd", "plain"])
def test_a_multipart_body_is_taken(connection: Connection, zstd: bool) -> None:
    run = new_run(outputs={"text": "out"}, end_time=text_from_us(NOW_US + 5))
    assert send(connection, encode_run("post", run), zstd=zstd).status == 202
    stored = read(connection, run["id"])
    assert (stored["inputs"], stored["outputs"]) == ({"text": "in"}, {"text": "out"})
    assert stored["status"] == "success"


def test_the_same_post_twice_is_merged(connection: Connection) -> None:
    run = new_run(extra={"metadata": {"a": 1}}, events=[{"name": "start"}])
    for _ in range(2):
        assert send(connection, encode_run("post", run)).status == 202
    stored = read(connection, run["id"])
    assert stored["events"] == [{"name": "start"}]
    assert stored["extra"]["metadata"] == {"a": 1, "ls_run_depth": 0}


def test_a_patch_may_come_before_its_create(connection: Connection) -> None:
    run = new_run("given by the create")
    patch = {
        "id": run["id"],
        "trace_id": run["id"],
        "dotted_order": run["dotted_order"],
        "end_time": text_from_us(NOW_US + 2_000_000),
        "outputs": {"text": "out"},
    }
    assert send(connection, encode_run("patch", patch)).status == 202
    assert send(connection, encode_run("post", run)).status == 202
    stored = read(connection, run["id"])
    assert stored["name"] == "given by the create"
    assert stored["outputs"] == {"text": "out"}
    assert stored["status"] == "success"


def test_a_feedback_part_is_named_by_the_feedback(connection: Connection) -> None:
    run = new_run()
    feedback = {
        "id": str(uuid4()),
        "run_id": run["id"],
        "trace_id": run["id"],
        "key": "user_score",
        "score": True,
        "feedback_source": {"type": "api", "metadata": {}},
    }
    assert send(connection, encode_run("post", run), encode_feedback(feedback)).status == 202
    stats = read(connection, run["id"])["feedback_stats"]["user_score"]
    assert (stats["n"], stats["avg"]) == (1, 1)


def test_one_bad_run_does_not_sink_its_batch(connection: Connection) -> None:
    good, bad = new_run(), new_run(start_time="yesterday")
    answer = send(connection, encode_run("post", bad), encode_run("post", good))
    assert answer.status == 202
    assert bad["id"] in answer.body.decode()
    assert read(connection, good["id"])["name"] == "run"
    assert connection.request("GET", f"/runs/{bad['id']}").status == 404


def test_an_empty_multipart_body_is_refused(connection: Connection) -> None:
    fields = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    assert connection.request("POST", "/runs/multipart", b"", fields).status == 400


def test_info_makes_the_sdk_send_compressed_multipart(connection: Connection) -> None:
    info = orjson.loads(connection.request("GET", "/info").body)
    batch = info["batch_ingest_config"]
    assert batch["use_multipart_endpoint"] is True
    assert set(batch) >= {
        *("scale_up_qsize_trigger", "scale_up_nthreads_limit", "scale_down_nempty_trigger"),
        *("size_limit", "size_limit_bytes"),
    }
    assert info["instance_flags"]["zstd_compression_enabled"] is True
    assert info["instance_flags"].get("ch_query_enabled", True) is True
    assert tuple(map(int, info["version"].partition("+")[0].split("."))) >= (0, 16, 14)


def test_a_parent_has_the_tokens_of_all_below_it(connection: Connection, world: World) -> None:
    for label, tokens in (("good", 6_030), ("good.extractor", 6_030), ("good.search", 0)):
        assert read(connection, str(world.ids[label]))["total_tokens"] == tokens


@pytest.mark.parametrize(
    ("metadata", "thread"),
    [
        ({"thread_id": "t", "conversation_id": "c", "session_id": "s"}, "s"),
        ({"thread_id": "t", "conversation_id": "c"}, "c"),
        ({"thread_id": "t"}, "t"),
        ({"thread": "t"}, None),
    ],
)
def test_the_thread_is_session_then_conversation_then_thread_id(
    connection: Connection, metadata: Json, thread: str | None
) -> None:
    run = new_run(extra={"metadata": metadata})
    send(connection, encode_run("post", run))
    assert read(connection, run["id"])["thread_id"] == thread


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1"])
def test_the_api_is_there_under_each_prefix(connection: Connection, prefix: str) -> None:
    run = new_run()
    body = orjson.dumps(run)
    assert connection.request("POST", f"{prefix}/runs", body).status == 202
    assert connection.request("GET", f"{prefix}/runs/{run['id']}").status == 200


def test_naive_datetimes_are_utc(client: Client) -> None:
    start, run_id = datetime(2026, 6, 1, 12), uuid4()  # noqa: DTZ001  # naive on purpose
    client.create_run(
        "naive",
        {},
        "chain",
        id=run_id,
        project_name="naive",
        start_time=start,
        end_time=start + timedelta(seconds=2),
    )
    client.flush()
    run = client.read_run(run_id)
    assert run.start_time.replace(tzinfo=UTC) == start.replace(tzinfo=UTC)
    assert run.latency == 2
