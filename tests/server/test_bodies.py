"""Every route that takes a body, from the route table x bodies made to break it."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import zstandard
from starlette.testclient import TestClient

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.limits import (
    BODY_BYTES_MAX,
    BODY_DECODED_BYTES_MAX,
    BODY_JSON_BYTES_MAX,
    JSON_DEPTH_MAX,
    MIB,
    QUERY_BODY_BYTES_MAX,
)
from runstore.server.app import create_app
from runstore.server.openapi.operations import OPERATIONS
from runstore.settings import Settings
from tests.server.documented import assert_documented
from tests.server.wirerun import MULTIPART, json_part, multipart, run, uid

INGEST = {"/runs", "/runs/{id}", "/runs/batch", "/runs/multipart"}
ROUTES = [route for route, operation in OPERATIONS.items() if operation.body]
JSON_ROUTES = [route for route in ROUTES if route[1] != "/runs/multipart"]
TAIL = ("POST", "/runs/tail")  # a sound body would be answered for ever
VALIDATE = ("POST", "/runs/query/validate")  # tells of a wrong shape in a 200
SOUND: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/runs"): run(1),
    ("PATCH", "/runs/{id}"): {"outputs": {}},
    ("POST", "/runs/batch"): {"post": [run(1)]},
    ("POST", "/runs/query"): {"id": uid(1)},
    ("POST", "/runs/query/validate"): {"id": uid(1)},
    ("POST", "/runs/query/explain"): {"id": uid(1)},
    ("POST", "/runs/stats"): {"id": uid(1)},
    ("POST", "/runs/delete"): {"trace_ids": [uid(99)]},
    ("POST", "/runs/tail"): {"cursor": "x"},
    ("POST", "/feedback"): {"key": "k", "run_id": uid(1), "id": uid(5)},
    ("PATCH", "/feedback/{id}"): {"comment": "c"},
    ("POST", "/sessions"): {"name": "p", "id": uid(1)},
    ("PATCH", "/sessions/{id}"): {"description": "d"},
}


class Bomb(NamedTuple):
    encoding: str
    compress: Callable[[bytes], bytes]


def repeated(compress: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda body: compress(body[:MIB]) * (len(body) // MIB + 1)


BOMBS = [
    Bomb("gzip", lambda body: gzip.compress(body, 1)),
    Bomb("deflate", lambda body: zlib.compress(body, 1)),
    Bomb("zstd", lambda body: zstandard.compress(body, 1)),
    Bomb("gzip in many members", repeated(lambda body: gzip.compress(body, 1))),
    Bomb("zstd in many frames", repeated(lambda body: zstandard.compress(body, 1))),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("bodies")
    app = create_app(Settings(data=folder, ingest_processes=0), SqliteEngine(folder))
    with TestClient(app, "http://127.0.0.1:1984", raise_server_exceptions=False) as client:
        client.post("/runs", json=run(1))
        client.post("/feedback", json=SOUND["POST", "/feedback"])
        client.post("/sessions", json=SOUND["POST", "/sessions"])
        yield client


@pytest.fixture(scope="module")
def bombs() -> dict[tuple[str, int], bytes]:
    """By encoding and size; each is made once."""
    return {
        (bomb.encoding, size): bomb.compress(b" " * (size + 1))
        for bomb in BOMBS
        for size in {bytes_max(path)[1] for _, path in ROUTES}
    }


def bytes_max(path: str) -> tuple[int, int]:
    """What a route takes: as it arrives, and unfolded."""
    if path in INGEST:
        return BODY_BYTES_MAX, BODY_DECODED_BYTES_MAX
    least = QUERY_BODY_BYTES_MAX if "query" in path or "stats" in path else BODY_JSON_BYTES_MAX
    return least, least


def ask(
    server: TestClient, route: tuple[str, str], body: bytes, **headers: str
) -> tuple[int, dict[str, Any]]:
    """The answer, which is as documented; the server is as sound as before."""
    method, path = route[0], route[1].replace("{id}", uid(1 if "feedback" not in route[1] else 5))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if route[1] == "/runs/multipart":
        named = MULTIPART | named
    answer = server.request(method, path, content=body, headers=named)
    assert_documented(method, path, answer)
    assert server.get("/ready").status_code == 200
    assert server.get(f"/runs/{uid(1)}").status_code == 200
    told: dict[str, Any] = answer.json()
    return answer.status_code, told


routes = pytest.mark.parametrize("route", ROUTES, ids=" ".join)
json_routes = pytest.mark.parametrize("route", JSON_ROUTES, ids=" ".join)


def test_every_route_with_a_body_has_a_sound_one_here() -> None:
    assert set(SOUND) == set(JSON_ROUTES)


@json_routes
def test_a_sound_body_is_taken(server: TestClient, route: tuple[str, str]) -> None:
    status, told = ask(server, route, json.dumps(SOUND[route]).encode())
    assert (status in (200, 202, 409)) is (route != TAIL), told


@pytest.mark.parametrize("bomb", [bomb.encoding for bomb in BOMBS])
@routes
def test_a_body_that_unfolds_for_ever_is_refused(
    server: TestClient, bombs: dict[tuple[str, int], bytes], route: tuple[str, str], bomb: str
) -> None:
    limit = bytes_max(route[1])[1]
    body = bombs[bomb, limit]
    assert len(body) < limit / 50
    status, told = ask(server, route, body, content_encoding=bomb.partition(" ")[0])
    assert (status, told["code"], told["limit"]) == (413, "too_large", limit)


@routes
def test_a_body_that_says_it_is_too_long_is_refused_unread(
    server: TestClient, route: tuple[str, str]
) -> None:
    limit = bytes_max(route[1])[0]
    status, told = ask(server, route, b"{}", content_length=str(limit + 1))
    assert (status, told["code"], told["limit"]) == (413, "too_large", limit)


@routes
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_body_that_is_not_compressed_as_it_says_is_refused(
    server: TestClient, route: tuple[str, str], encoding: str
) -> None:
    status, told = ask(server, route, b"\xff" * 100, content_encoding=encoding)
    assert status == (422 if route != VALIDATE else 200), told


@routes
@pytest.mark.parametrize("encoding", ["br", "gzip, zstd", "\x7f", "identity;q=0"])
def test_an_encoding_nobody_knows_is_refused_by_name(
    server: TestClient, route: tuple[str, str], encoding: str
) -> None:
    status, told = ask(server, route, b"{}", content_encoding=encoding)
    assert status == (400 if route != VALIDATE else 200)
    assert "Content-Encoding" in json.dumps(told)


@json_routes
@pytest.mark.parametrize("depth", [JSON_DEPTH_MAX + 1, 10_000, 1_000_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_json_nested_too_deep_is_refused(
    server: TestClient, route: tuple[str, str], brackets: tuple[str, str], depth: int
) -> None:
    nested = brackets[0] * depth + "1" + brackets[1] * depth
    body = json.dumps(SOUND[route] | {"x": 0})[:-2] + nested + "}"
    status, told = ask(server, route, body.encode())
    assert status == (422 if route != VALIDATE else 200)
    assert f"nested deeper than {JSON_DEPTH_MAX}" in json.dumps(told), told


@json_routes
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"null", b"1", b'"x"', b"[]", b"{", b"{}}", b"{'a': 1}", b'{"a": 1,}'),
        *(b'{"a"}', b'{"a": 01}', b'{"a": .5}', b'{"a": "\x01"}', b'{"a": "\xff"}', b"\xff\xfe{}"),
        *(b'{"a": tru', b'{"a": "\\x"}', b'{1: 2}', b"\x00", b"<xml/>", b"a=1&b=2"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_json_object_is_refused(
    server: TestClient, route: tuple[str, str], body: bytes
) -> None:
    status, told = ask(server, route, body)
    assert status == (422 if route != VALIDATE else 200), told
    assert told.get("valid", False) is False


@json_routes
def test_of_two_equal_keys_the_last_one_counts(server: TestClient, route: tuple[str, str]) -> None:
    """As JSON parsers do nearly everywhere: a proxy that reads along sees what we see."""
    sound = json.dumps(SOUND[route])
    wrong = ", ".join(f"{json.dumps(name)}: [[]]" for name in SOUND[route])
    status, told = ask(server, route, f"{{{wrong}, {sound[1:]}".encode())
    assert status in ((200, 202, 409) if route != TAIL else (400,)), told


@json_routes
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 400])
def test_numbers_json_has_not_do_no_harm(
    server: TestClient, route: tuple[str, str], number: str
) -> None:
    body = json.dumps(SOUND[route])[:-1] + f', "x": {number}, "extra": {{"x": {number}}}}}'
    status, _ = ask(server, route, body.encode())
    assert status in ((200, 202, 409, 422) if route != TAIL else (400,))


PART = f"post.{uid(1)}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{PART}.inputs", "inputs"),
        (f"{PART}.extra", "extra"),
        (PART, "run"),
        (f"feedback.{uid(3)}", "feedback"),
    ],
)
@pytest.mark.parametrize("value", [b"[" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000])
def test_a_part_nested_too_deep_refuses_its_run_only(
    server: TestClient, name: str, said: str, value: bytes
) -> None:
    parts = [json_part(f"post.{uid(2)}", run(2)), (name, value, "application/json")]
    if name.startswith(f"{PART}."):
        parts.append(json_part(PART, run(1)))
    status, told = ask(server, ("POST", "/runs/multipart"), multipart(*parts))
    assert status == 202
    [refused] = told["refused"]
    assert refused["reason"].startswith(f"{said}: ")
    assert f"nested deeper than {JSON_DEPTH_MAX}" in refused["reason"]
