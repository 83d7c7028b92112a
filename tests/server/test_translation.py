"""`query` where a model translates it: over HTTP, with a model that says what it is told to."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from runstore.client.sync import Client
from runstore.engine.memory import MemoryEngine
from runstore.errors import ModelUnavailable
from runstore.limits import QUERY_MODEL_ANSWER_BYTES_MAX, QUERY_MODEL_CHARS_MAX
from runstore.server.app import create_app
from runstore.settings import Settings
from tests.server.documented import assert_documented
from tests.server.model import FakeModel, fake_model
from tests.server.wirerun import run, uid

FAILED = "eq(error, true)"
Serve = Callable[..., TestClient]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """serve(model or URL or None): a new server with the same four runs, two of them failed."""
    with ExitStack() as stack:
        folders = (tmp_path / str(number) for number in count())

        def serve(model: FakeModel | str | None = None, **said: Any) -> TestClient:
            url = model.url if isinstance(model, FakeModel) else model
            name = None if url is None else "small"
            settings = Settings(
                data=next(folders), query_model_url=url, query_model_name=name, **said
            )
            app = create_app(settings, MemoryEngine())
            client = stack.enter_context(
                TestClient(app, "http://127.0.0.1:1984", raise_server_exceptions=False)
            )
            runs = [run(n, error="boom" if n % 2 else None) for n in range(1, 5)]
            assert client.post("/runs/batch", json={"post": runs}).status_code == 202
            return client

        yield serve


def ask(client: TestClient, words: str = "the failed ones", **more: Any) -> Any:
    body = {"id": [uid(n) for n in range(1, 5)], "query": words, **more}
    answer = client.post("/runs/query", json=body)
    assert_documented("POST", "/runs/query", answer)
    return answer


def found(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["runs"]]


def test_words_become_the_filter_the_model_makes_of_them(serve: Serve) -> None:
    with fake_model(FAILED) as model:
        answer = ask(serve(model))
    assert found(answer) == [uid(3), uid(1)]
    assert answer.json()["parsed_query"] == FAILED
    [asked] = model.asked
    assert (model.paths, asked["model"], asked["temperature"]) == (
        ["/v1/chat/completions"],
        "small",
        0,
    )
    system, question = asked["messages"]
    assert (system["role"], question["role"]) == ("system", "user")
    assert "total_tokens" in system["content"]
    assert question["content"].endswith("Question: the failed ones")


def test_nothing_of_the_runs_is_told(serve: Serve) -> None:
    with fake_model(FAILED) as model:
        found(ask(serve(model)))
    told = str(model.asked)
    assert "boom" not in told
    assert uid(1) not in told


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        pytest.param("secret", "Bearer secret", id="a key"),
        pytest.param(None, None, id="none: models on one's own machine"),
    ],
)
def test_the_key_is_sent(serve: Serve, key: str | None, sent: str | None) -> None:
    with fake_model(FAILED) as model:
        found(ask(serve(model, query_model_key=key)))
    [headers] = model.headers
    assert headers.get("Authorization") == sent


def test_what_is_asked_besides_still_holds(serve: Serve) -> None:
    with fake_model(FAILED) as model:
        assert found(ask(serve(model), filter=f'eq(id, "{uid(1)}")')) == [uid(1)]


def test_a_wrong_filter_is_corrected_by_who_made_it(serve: Serve) -> None:
    with fake_model("eq(eror, true)", FAILED) as model:
        answer = ask(serve(model))
    assert found(answer) == [uid(3), uid(1)]
    *_, said, problem = model.asked[1]["messages"]
    assert said == {"role": "assistant", "content": "eq(eror, true)"}
    assert "unknown field eror" in problem["content"]
    assert "did you mean error?" in problem["content"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("eq(eror, true)", id="an unknown field"),
        pytest.param("I am sorry, but", id="prose"),
        pytest.param("", id="nothing"),
        pytest.param(f'eq(name, "{"x" * 2_000}")', id="too long"),
    ],
)
def test_a_filter_that_is_wrong_twice_is_an_error_that_says_so(serve: Serve, said: str) -> None:
    with fake_model(said) as model:
        answer = ask(serve(model))
    assert (answer.status_code, answer.json()["code"]) == (502, "query_not_translated")
    assert 'search("words")' in answer.json()["detail"]
    assert len(model.asked) == 2


# fmt: off
@pytest.mark.parametrize("said", [
    pytest.param((500, b"{}"), id="an error of its own"),
    pytest.param((401, b'{"error": "key sk-12 is wrong"}'), id="a wrong key"),
    pytest.param((302, b""), id="a redirect, which would be sent the key"),
    pytest.param((200, b"<html>"), id="no JSON"),
    pytest.param((200, b'{"choices": []}'), id="no choices"),
    pytest.param((200, b'{"choices": [{"message": {"content": null}}]}'), id="no text"),
    pytest.param((200, b" " * (QUERY_MODEL_ANSWER_BYTES_MAX + 1)), id="without end"),
])
# fmt: on
def test_a_model_that_does_not_answer_is_an_error_that_says_so(serve: Serve, said: Any) -> None:
    with fake_model(said) as model:
        answer = ask(serve(model))
    assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
    assert 'search("words")' in answer.json()["detail"]
    assert "sk-12" not in answer.text


def test_a_model_nobody_reaches_is_an_error(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answer = ask(serve(f"http://127.0.0.1:{port}/v1"))
    assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
    assert "cannot be reached" in answer.json()["detail"]


def test_a_model_that_takes_too_long_is_not_waited_for(serve: Serve) -> None:
    with fake_model(None) as model:
        client = serve(model)
        client.app.state.translator._seconds = 0.05  # type: ignore[attr-defined]
        answer = ask(client)
    assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
    assert "took more than" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        pytest.param("?!", 400, id="no word"),
        pytest.param("x" * (QUERY_MODEL_CHARS_MAX + 1), 413, id="too long"),
    ],
)
def test_words_nobody_could_translate_are_not_sent(serve: Serve, words: str, status: int) -> None:
    with fake_model(FAILED) as model:
        assert ask(serve(model), words).status_code == status
    assert model.asked == []


# Pages.


def following(client: TestClient, first: Any, **more: Any) -> Any:
    return ask(client, limit=1, cursor=first.json()["cursors"]["next"], **more)


def test_all_pages_are_of_the_filter_of_the_first(serve: Serve) -> None:
    with fake_model(FAILED, "eq(error, false)") as model:
        client = serve(model)
        first = ask(client, limit=1)
        again = serve(model)  # restarted: it has forgotten what it was told
        second = following(again, first)
    assert (found(first), found(second)) == ([uid(3)], [uid(1)])
    assert second.json()["parsed_query"] == FAILED
    assert second.json()["cursors"]["next"] is None
    assert first.headers["Runstore-Next-Cursor"] == first.json()["cursors"]["next"]
    assert len(model.asked) == 1


@pytest.mark.parametrize("later", ["with a model", "without", "unreachable"])
def test_pages_go_on_as_they_began_whatever_becomes_of_the_model(
    serve: Serve, later: str
) -> None:
    with fake_model("eq(error, false)") as model:
        servers = {"with a model": model, "without": None, "unreachable": "http://127.0.0.1:9"}
        client = serve(servers[later])
        words = ask(serve(), "boom", limit=1)
        rest = ask(client, "boom", limit=1, cursor=words.json()["cursors"]["next"])
        assert (found(words), found(rest)) == ([uid(3)], [uid(1)])
        assert rest.json()["parsed_query"] == 'search("boom")'
        first = ask(serve(model), limit=1)
        assert found(following(client, first)) == [uid(2)]


def test_a_cursor_of_other_words_is_refused(serve: Serve) -> None:
    with fake_model(FAILED) as model:
        client = serve(model)
        first = ask(client, limit=1)
        other = ask(client, "others", limit=1, cursor=first.json()["cursors"]["next"])
    assert (other.status_code, other.json()["code"]) == (400, "cursor_invalid")


# Other routes.


def test_figures_are_of_the_translation_which_a_header_shows(serve: Serve) -> None:
    with fake_model('and(eq(error, true), neq(name, "Zoë"))') as model:
        body = {"id": [uid(n) for n in range(1, 5)], "query": "failed", "select": ["run_count"]}
        answer = serve(model).post("/runs/stats", json=body)
    assert_documented("POST", "/runs/stats", answer)
    assert answer.json() == {"run_count": 2}
    assert answer.headers["Runstore-Parsed-Query"] == (
        'and(eq(error, true), neq(name, "Zo%C3%AB"))'
    )


def test_an_explanation_shows_the_translation(serve: Serve) -> None:
    with fake_model(FAILED) as model:
        body = {"id": [uid(1)], "query": "failed"}
        answer = serve(model).post("/runs/query/explain", json=body)
    assert_documented("POST", "/runs/query/explain", answer)
    assert "exists(error)" in answer.json()["filter"]


def test_a_tail_takes_no_words_that_may_be_translated_otherwise_next_time(serve: Serve) -> None:
    with fake_model(FAILED) as model:
        answer = serve(model).post("/runs/tail", json={"query": "failed"})
    assert answer.status_code == 400
    assert "parsed_query" in answer.json()["detail"]
    assert model.asked == []


def test_to_validate_a_query_asks_no_model(serve: Serve) -> None:
    with fake_model(FAILED) as model:
        body = {"id": [uid(1)], "query": "failed"}
        answer = serve(model).post("/runs/query/validate", json=body)
    assert answer.json() == {"valid": True, "errors": []}
    assert model.asked == []


def test_a_folder_asks_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_model(FAILED, (500, b"")) as model:
        monkeypatch.setenv("RUNSTORE_QUERY_MODEL_URL", model.url)
        monkeypatch.setenv("RUNSTORE_QUERY_MODEL_NAME", "small")
        monkeypatch.setenv("RUNSTORE_QUERY_MODEL_KEY", "secret")
        with Client(str(tmp_path / "folder")) as client:
            client.create_run("agent", {}, "chain", project_name="p", error="boom")
            client.create_run("agent", {}, "chain", project_name="p")
            client.flush()
            page = next(iter(client.list_runs(project_name="p", query="failed").pages()))
            assert page.parsed_query == FAILED
            assert [one.error for one in page.runs] == ["boom"]
            with pytest.raises(ModelUnavailable):
                list(client.list_runs(project_name="p", query="others", limit=1))
    assert model.headers[0]["Authorization"] == "Bearer secret"
