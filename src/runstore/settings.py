"""Environment -> one frozen Settings. Read once, in the command; nothing else reads a variable.

What is said on the command line wins over the environment, the environment over the default.
Source of the table in docs/operations.md.
"""

import dataclasses
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runstore.errors import InvalidRequest
from runstore.limits import (
    INGEST_PROCESSES_MAX,
    INGEST_QUEUE_BYTES_MAX,
    MIB,
    QUERY_MEMORY_BYTES_MAX,
    QUERY_PAYLOAD_BYTES_MAX,
    QUERY_ROWS_MAX,
    QUERY_SECONDS_MAX,
    SETTING_MAX,
)

LOG_LEVELS = ("debug", "info", "warning", "error")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HASH = re.compile(r"[0-9a-f]{64}")
_BUDGET = ("query_seconds", "query_rows", "query_payload_mib", "query_memory_mib")
_FALSE = ("", "0", "false", "no", "off")


class SettingsError(InvalidRequest):
    """A setting that means nothing; names the variable."""

    code = "settings_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`api_key_hashes` are SHA-256 in hex. None configured: everything is open."""

    host: str = "127.0.0.1"
    port: int = 1984
    data: Path = Path("runstore-data")
    api_key_hashes: tuple[str, ...] = ()
    prices: Path | None = None  # entries that come before the shipped price table
    log_level: str = "info"
    ingest_processes: int | None = None  # None: one a core, at most INGEST_PROCESSES_MAX
    page_processes: int | None = None  # 0 or 1; None: 1, with more than one core
    ingest_queue_mib: int = INGEST_QUEUE_BYTES_MAX // MIB
    query_seconds: int = int(QUERY_SECONDS_MAX)
    query_rows: int = QUERY_ROWS_MAX
    query_payload_mib: int = QUERY_PAYLOAD_BYTES_MAX // MIB
    query_memory_mib: int = QUERY_MEMORY_BYTES_MAX // MIB
    query_model_url: str | None = None  # OpenAI-compatible; None: `query` is full text
    query_model_name: str | None = None
    query_model_key: str | None = dataclasses.field(default=None, repr=False)
    insecure: bool = False  # beyond loopback without keys

    @property
    def is_exposed(self) -> bool:
        """Reachable from other machines by anyone."""
        return self.host not in LOOPBACK and not self.api_key_hashes

    @property
    def has_page_process(self) -> bool:
        if self.page_processes is not None:
            return self.page_processes > 0
        return (os.cpu_count() or 1) > 1

    @property
    def ingest_process_count(self) -> int:
        if self.ingest_processes is not None:
            return self.ingest_processes
        cores = os.cpu_count() or 1
        return 0 if cores == 1 else min(cores, INGEST_PROCESSES_MAX)


def key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def settings_from(
    said: Mapping[str, object], environment: Mapping[str, str] | None = None
) -> Settings:
    """`said`: fields of Settings from the command line; None: not said. Raises SettingsError."""
    read = os.environ if environment is None else environment
    fields: dict[str, object] = {}
    for field in ("host", "log_level"):
        if value := read.get(f"RUNSTORE_{field.upper()}"):
            fields[field] = value
    for field in ("data", "prices"):
        if value := read.get(f"RUNSTORE_{field.upper()}"):
            fields[field] = Path(value)
    if value := read.get("RUNSTORE_PORT"):
        fields["port"] = _port(value)
    if value := read.get("RUNSTORE_INGEST_PROCESSES"):
        fields["ingest_processes"] = _count("RUNSTORE_INGEST_PROCESSES", value)
    if value := read.get("RUNSTORE_PAGE_PROCESSES"):
        fields["page_processes"] = _count("RUNSTORE_PAGE_PROCESSES", value, 1)
    fields.update(_numbers(read, "ingest_queue_mib", *_BUDGET))
    fields.update(_query_model(read))
    fields["insecure"] = read.get("RUNSTORE_INSECURE", "").strip().lower() not in _FALSE
    fields["api_key_hashes"] = _hashes(read)
    fields.update((field, value) for field, value in said.items() if value is not None)
    if fields.get("log_level", "info") not in LOG_LEVELS:
        raise SettingsError(
            f"RUNSTORE_LOG_LEVEL is {fields['log_level']!r}, not one of {', '.join(LOG_LEVELS)}"
        )
    return Settings(**fields)  # type: ignore[arg-type]  # names and types are checked just above


def folder_settings(folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Of a folder opened in this process, where nobody listens: the prices, what a query may cost
    and who translates it are asked for. Raises SettingsError."""
    read = os.environ if environment is None else environment
    prices = read.get("RUNSTORE_PRICES")
    settings = Settings(data=folder, prices=Path(prices) if prices else None, ingest_processes=0)
    return replace(settings, **_numbers(read, *_BUDGET), **_query_model(read))


def _numbers(read: Mapping[str, str], *names: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in names:
        name = f"RUNSTORE_{field.upper()}"
        text = read.get(name)
        if not text:
            continue
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
        if not 1 <= number * (MIB if field.endswith("_mib") else 1) <= SETTING_MAX:
            raise SettingsError(f"{name} is {text!r}, not a whole number from 1 up")
        found[field] = number
    return found


def _query_model(read: Mapping[str, str]) -> dict[str, Any]:
    names = ("query_model_url", "query_model_name", "query_model_key")
    given = {field: read.get(f"RUNSTORE_{field.upper()}", "").strip() for field in names}
    found: dict[str, Any] = {field: text for field, text in given.items() if text}
    if not found:
        return {}
    if "query_model_url" not in found or "query_model_name" not in found:
        raise SettingsError("RUNSTORE_QUERY_MODEL_URL and RUNSTORE_QUERY_MODEL_NAME go together")
    if not _is_http(found["query_model_url"]):
        raise SettingsError(
            "RUNSTORE_QUERY_MODEL_URL is not the http or https URL of an OpenAI-compatible API,"
            " such as http://127.0.0.1:11434/v1"
        )
    key = found.get("query_model_key", "")
    if not (key.isascii() and key.isprintable()):
        raise SettingsError("RUNSTORE_QUERY_MODEL_KEY has characters that no header may have")
    return found


def _is_http(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and port != 0


def _count(name: str, text: str, most: int = INGEST_PROCESSES_MAX) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > most:
        raise SettingsError(f"{name} is {text!r}, not a number from 0 (threads do it) to {most}")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise SettingsError(f"RUNSTORE_PORT is {text!r}, not a port between 0 and 65535")
    return int(text)


def _hashes(read: Mapping[str, str]) -> tuple[str, ...]:
    keys = [key.strip() for key in read.get("RUNSTORE_API_KEYS", "").split(",")]
    hashes = [text.strip().lower() for text in read.get("RUNSTORE_API_KEY_HASHES", "").split(",")]
    for text in filter(None, hashes):
        if _HASH.fullmatch(text) is None:
            raise SettingsError(
                "RUNSTORE_API_KEY_HASHES holds something that is not a SHA-256 in hex "
                "(64 digits); `runstore key new` makes a key and its hash"
            )
    return tuple(key_hash(key) for key in keys if key) + tuple(filter(None, hashes))
