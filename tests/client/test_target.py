"""What a target is, said by arguments or by the environment."""

from pathlib import Path

import pytest

from runstore.client.target import Target, find_target
from runstore.errors import InvalidArgument

LANGSMITH = "https://api.smith.langchain.com"


# fmt: off
@pytest.mark.parametrize("given, url", [
    ("http://127.0.0.1:1984",             "http://127.0.0.1:1984"),
    ("http://127.0.0.1:1984/",            "http://127.0.0.1:1984"),
    ("https://host/api/v1/",              "https://host/api/v1"),
    ("https://host/langsmith/api",        "https://host/langsmith/api"),
    (' "https://host/api" ',              "https://host/api"),
    ("HTTPS://host",                      "https://host"),
    ("http://[::1]:1984",                 "http://[::1]:1984"),
])
# fmt: on
def test_a_url_is_a_server(given: str, url: str) -> None:
    assert find_target(given, environ={}) == Target(url, None)


# fmt: off
@pytest.mark.parametrize("given, folder", [
    ("./traces",                    Path("traces")),
    ("traces",                      Path("traces")),
    ("/data/traces",                Path("/data/traces")),
    (Path("/data/traces"),          Path("/data/traces")),
    ("file:///data/my%20traces",    Path("/data/my traces")),
    ("file://localhost/data",       Path("/data")),
    ("file:./traces",               Path("traces")),
    ("file:traces",                 Path("traces")),
    (r"C:\data\traces",             Path(r"C:\data\traces")),
    ("~/traces",                    Path.home() / "traces"),
    ("./api.example.com",           Path("api.example.com")),
])
# fmt: on
def test_anything_with_no_scheme_or_with_file_is_a_folder(given: str | Path, folder: Path) -> None:
    assert find_target(given, environ={"LANGSMITH_API_KEY": "k"}) == Target(None, folder)


# fmt: off
@pytest.mark.parametrize("given, problem", [
    ("",                             "the target is empty"),
    ("ftp://host",                   "none of http:, https: and file:"),
    ("localhost:1984",               "write http://localhost:1984"),
    ("localhost",                    "write http://localhost for a server, or ./localhost"),
    ("api.example.com/api",          "write http://api.example.com/api for a server"),
    ("http://",                      "names no host"),
    ("http://host:port",             "is no URL"),
    ("https://host?key=1",           "has a query in it"),
    ("https://user:secret@host",     "give api_key"),
    ("file:",                        "names no folder"),
    ("file://server/share",          "a folder of the host 'server'"),
])
# fmt: on
def test_what_is_neither_says_what_to_write(given: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        find_target(given, environ={})
    assert problem in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_scheme_that_is_another_is_not_made_a_host() -> None:
    with pytest.raises(InvalidArgument, match="https: and file:$"):
        find_target("ftp://host", environ={})


# fmt: off
@pytest.mark.parametrize("environ, url, key, workspace", [
    ({},                                                        LANGSMITH,       None, None),
    ({"LANGSMITH_ENDPOINT": "http://a", "LANGCHAIN_ENDPOINT": "http://b"}, "http://a", None, None),
    ({"LANGCHAIN_ENDPOINT": "http://b/"},                       "http://b",      None, None),
    ({"LANGSMITH_ENDPOINT": "", "LANGCHAIN_ENDPOINT": "http://b"}, "http://b",   None, None),
    ({"LANGSMITH_API_KEY": "'k1'\n", "LANGCHAIN_API_KEY": "k2"}, LANGSMITH,      "k1", None),
    ({"LANGCHAIN_API_KEY": "k2"},                               LANGSMITH,       "k2", None),
    ({"LANGSMITH_WORKSPACE_ID": "w"},                           LANGSMITH,       None, "w"),
])
# fmt: on
def test_the_environment_says_what_arguments_do_not(
    environ: dict[str, str], url: str, key: str | None, workspace: str | None
) -> None:
    assert find_target(environ=environ) == Target(url, None, key, workspace)


def test_an_endpoint_may_be_a_folder() -> None:
    assert find_target(environ={"LANGSMITH_ENDPOINT": "./traces"}).folder == Path("traces")


def test_arguments_win() -> None:
    environ = {
        "LANGSMITH_ENDPOINT": "http://a",
        "LANGSMITH_API_KEY": "k",
        "LANGSMITH_WORKSPACE_ID": "w",
    }
    found = find_target("http://b", api_key="mine", workspace_id="", environ=environ)
    assert found == Target("http://b", None, "mine", None)


def test_a_key_no_header_can_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidArgument) as caught:
        find_target("http://b", api_key="hidden\nkey", environ={})
    assert "api_key" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    assert "hidden" not in repr(find_target("http://b", api_key="hidden", environ={}))


# fmt: off
@pytest.mark.parametrize("target, host_url", [
    ("https://api.smith.langchain.com",     "https://smith.langchain.com"),
    ("https://eu.api.smith.langchain.com",  "https://eu.smith.langchain.com"),
    ("https://langsmith.example.com/api/v1", "https://langsmith.example.com"),
    ("https://example.com/langsmith/api",   "https://example.com/langsmith"),
    ("http://127.0.0.1:1984",               "http://127.0.0.1:1984"),
    ("./traces",                            None),
])
# fmt: on
def test_where_runs_are_shown(target: str, host_url: str | None) -> None:
    assert find_target(target, environ={}).host_url == host_url
