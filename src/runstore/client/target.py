"""Arguments and environment -> Target: which server or folder, with which key. Opens neither."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from runstore.errors import InvalidArgument

DEFAULT_URL = "https://api.smith.langchain.com"
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})
_REGIONS = ("eu", "aws", "apac", "dev", "beta")  # each a host of its own, as the SDK knows them


@dataclass(frozen=True, slots=True)
class Target:
    """Either `url`, the root below which requests go, without a slash at its end, or `folder`."""

    url: str | None
    folder: Path | None
    api_key: str | None = field(default=None, repr=False)
    workspace_id: str | None = None

    @property
    def host_url(self) -> str | None:
        """Where a run's `app_path` starts: the user interface. None for a folder."""
        return None if self.url is None else _host_url(urlsplit(self.url))

    @property
    def headers(self) -> dict[str, str]:
        """What every request to a server carries."""
        headers = {}
        if self.api_key:
            headers["x-api-key"] = self.api_key
        if self.workspace_id:
            headers["X-Tenant-Id"] = self.workspace_id
        return headers

    def __str__(self) -> str:
        return self.url or str(self.folder)


def find_target(
    target: str | os.PathLike[str] | None = None,
    *,
    api_key: str | None = None,
    workspace_id: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Target:
    """What the caller says, else LANGSMITH_*, else LANGCHAIN_*, else LangSmith's own address.

    `target`: an http or https URL, with or without /api or /api/v1; or a folder: a path, or a file:
    URL. Raises InvalidArgument for anything else, and for a key that no header can carry.
    """
    env = os.environ if environ is None else environ
    if isinstance(target, os.PathLike):
        return Target(None, Path(os.fspath(target)).expanduser())
    text = _unquoted(target) if target is not None else _setting(env, "ENDPOINT") or DEFAULT_URL
    if not text:
        raise InvalidArgument("the target is empty; give a URL, or a folder such as ./traces")
    folder = _folder(text)
    if folder is not None:
        return Target(None, folder)
    return Target(
        _root(text),
        None,
        _header("api_key", api_key if api_key is not None else _setting(env, "API_KEY")),
        _header(
            "workspace_id",
            str(workspace_id) if workspace_id is not None else _setting(env, "WORKSPACE_ID"),
        ),
    )


def _folder(text: str) -> Path | None:
    """The folder a text names; None when it names a URL of a server."""
    scheme = _SCHEME.match(text)
    if scheme is None or _WINDOWS_PATH.match(text):
        if _looks_like_a_host(text):
            raise InvalidArgument(
                f"{text!r} is neither a URL nor a path; "
                f"write http://{text} for a server, or ./{text} for a folder"
            )
        return Path(text).expanduser()
    if scheme[1].lower() == "file":
        return _folder_of_url(text)
    return None


def _looks_like_a_host(text: str) -> bool:
    """api.example.com, localhost/api: a URL whose scheme was forgotten, not a folder."""
    host, _, _ = text.partition("/")
    is_host = host == "localhost" or bool(
        re.fullmatch(r"[\w-]+(\.[\w-]+)*\.(com|org|net|io|dev|ai)", host)
    )
    return is_host and not Path(text).exists()


def _folder_of_url(text: str) -> Path:
    """file:./traces and file:traces are below the working folder, file:///traces is absolute."""
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise InvalidArgument(
            f"{text!r} names a folder of the host {parts.netloc!r}; "
            f"write file:///{parts.netloc}{parts.path} for one of this machine"
        )
    path = unquote(parts.path)
    if not path:
        raise InvalidArgument(f"{text!r} names no folder; write file:///path/to/traces")
    if re.match(r"/[A-Za-z]:", path):
        path = path[1:]
    return Path(path).expanduser()


def _root(text: str) -> str:
    """The URL as it is used. LangSmith and Runstore serve with and without /api/v1 alike."""
    parts = urlsplit(text)
    if parts.scheme.lower() not in ("http", "https"):
        hint = "" if parts.netloc else f"; write http://{text} for a server"
        raise InvalidArgument(
            f"{text!r} is no target: {parts.scheme}: is none of http:, https: and file:{hint}"
        )
    try:
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidArgument(f"{text!r} is no URL: {error}") from None
    if not host:
        raise InvalidArgument(f"{text!r} names no host")
    if parts.username or parts.password:
        raise InvalidArgument("the target has a user or password in it; give api_key=... instead")
    if parts.query or parts.fragment:
        raise InvalidArgument(f"{text!r} has a {'query' if parts.query else 'fragment'} in it")
    return urlunsplit((parts.scheme.lower(), parts.netloc, parts.path.rstrip("/"), "", ""))


def _host_url(parts: SplitResult) -> str:
    """As the SDK finds it, but for ports: a Runstore is found where it serves."""
    host = parts.hostname or ""
    path = parts.path.removesuffix("/v1").removesuffix("/api")
    if not host.endswith("smith.langchain.com"):
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    region = host.split(".")[0]
    return f"https://{region}.smith.langchain.com" if region in _REGIONS else DEFAULT_HOST_URL


DEFAULT_HOST_URL = "https://smith.langchain.com"


def _setting(env: Mapping[str, str], name: str) -> str | None:
    """LANGSMITH_NAME, else LANGCHAIN_NAME. An empty one is none."""
    for prefix in ("LANGSMITH_", "LANGCHAIN_"):
        value = _unquoted(env.get(prefix + name, ""))
        if value:
            return value
    return None


def _unquoted(text: str) -> str:
    """Without spaces and quotes round it: .env files leave them there."""
    return text.strip().strip("\"'").strip()


def _header(name: str, value: str | None) -> str | None:
    """A header's value. Says nothing of the value itself: it may be a secret."""
    text = _unquoted(value or "")
    if not text:
        return None
    if not text.isascii() or not text.isprintable():
        raise InvalidArgument(f"{name} has characters in it that no HTTP header can carry")
    return text
