"""Pages of runs -> Arrow columns, pandas, polars, Parquet. Knows the wire's JSON; knows no network.

A page becomes one record batch, column by column: no Run object is made. Payloads are copied as the
JSON they are. pyarrow is imported when something is asked of it: `pip install 'runstore[arrow]'`.
"""

import contextlib
import os
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec

from runstore.client.durable import replace_durably
from runstore.client.http import HandedPage
from runstore.client.record import ABSENT, Lenient, Record
from runstore.client.run import time_from
from runstore.errors import InvalidArgument, UnexpectedAnswer
from runstore.limits import PARQUET_GROUP_BYTES, PARQUET_GROUP_RUNS

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

_Values = Callable[[str], list[Any]]
"""A field of the wire -> what each run of a page has there."""

OnRuns = Callable[[int], None]
"""Called with the number of runs so far, after each page: for a progress bar."""


class Column(NamedTuple):
    """A column, the field of the wire it is made of, and how. `kind` is a key of `_BUILD`."""

    name: str
    field: str
    kind: str
    by_default: bool = True


# fmt: off
# text: string. time: timestamp[us, UTC]. seconds: float64. texts: list<string>. count: int64.
# usd: float64, which every reader sums, and which holds 15 digits: a cost of 1,000 dollars to the
# picodollar; decimal128 comes to pandas as Python objects. json: string, as the server wrote it.
COLUMNS = (
    Column("id",                       "id",                       "text"),
    Column("trace_id",                 "trace_id",                 "text"),
    Column("parent_run_id",            "parent_run_id",            "text"),
    Column("parent_run_ids",           "parent_run_ids",           "texts"),
    Column("dotted_order",             "dotted_order",             "text"),
    Column("session_id",               "session_id",               "text"),
    Column("name",                     "name",                     "text"),
    Column("run_type",                 "run_type",                 "text"),
    Column("status",                   "status",                   "text"),
    Column("error",                    "error",                    "text"),
    Column("start_time",               "start_time",               "time"),
    Column("end_time",                 "end_time",                 "time"),
    Column("latency",                  "end_time",                 "seconds"),
    Column("first_token_time",         "first_token_time",         "time"),
    Column("tags",                     "tags",                     "texts"),
    Column("thread_id",                "thread_id",                "text"),
    Column("reference_example_id",     "reference_example_id",     "text"),
    Column("total_tokens",             "total_tokens",             "count"),
    Column("prompt_tokens",            "prompt_tokens",            "count"),
    Column("completion_tokens",        "completion_tokens",        "count"),
    Column("prompt_token_details",     "prompt_token_details",     "json"),
    Column("completion_token_details", "completion_token_details", "json"),
    Column("total_cost",               "total_cost",               "usd"),
    Column("prompt_cost",              "prompt_cost",              "usd"),
    Column("completion_cost",          "completion_cost",          "usd"),
    Column("prompt_cost_details",      "prompt_cost_details",      "json"),
    Column("completion_cost_details",  "completion_cost_details",  "json"),
    Column("feedback_stats",           "feedback_stats",           "json"),
    Column("metadata",                 "extra",                    "metadata"),
    Column("inputs",                   "inputs",                   "json"),
    Column("outputs",                  "outputs",                  "json"),
    Column("extra",                    "extra",                    "json"),
    Column("events",                   "events",                   "json"),
    Column("serialized",               "serialized",               "json"),
    Column("app_path",                 "app_path",                 "text"),
    Column("in_dataset",               "in_dataset",               "flag"),
    Column("trace_first_received_at",  "trace_first_received_at",  "time"),
    Column("inputs_preview",           "inputs_preview",           "text",  False),
    Column("outputs_preview",          "outputs_preview",          "text",  False),
    Column("child_run_ids",            "child_run_ids",            "texts", False),
    Column("s3_urls",                  "s3_urls",                  "json",  False),
    Column("inserted_at",              "inserted_at",              "time",  False),
    Column("messages",                 "messages",                 "json",  False),
)
# fmt: on


def columns_of(select: Iterable[str] | None) -> tuple[Column, ...]:
    """`id` and the columns made of the fields `select` names; without it, those of the default.

    Raises InvalidArgument for a field that has no column.
    """
    if select is None:
        return tuple(column for column in COLUMNS if column.by_default)
    fields = {"id", *select}
    if strange := fields - {column.field for column in COLUMNS}:
        known = ", ".join(dict.fromkeys(column.field for column in COLUMNS))
        raise InvalidArgument(f"select: {', '.join(sorted(strange))}: no column; one of {known}")
    return tuple(column for column in COLUMNS if column.field in fields)


def arrow_schema(select: Iterable[str] | None = None) -> "pyarrow.Schema":
    """The columns of `to_arrow` and their types. The same whatever the runs are."""
    arrow = _arrow()
    return arrow.schema([(one.name, _TYPES[one.kind](arrow)) for one in columns_of(select)])


class ArrowPages:
    """Pages in, record batches out; all batches have one schema."""

    def __init__(self, select: Iterable[str] | None = None) -> None:
        self._arrow = _arrow()
        names = None if select is None else list(select)
        self._columns = columns_of(names)
        self.schema = arrow_schema(names)
        self._decoder = _decoder(one.field for one in self._columns)

    def batch(self, page: bytes | HandedPage, runs_max: int | None = None) -> "pyarrow.RecordBatch":
        """The runs of one answer of POST /runs/query, at most `runs_max` of them.

        Raises UnexpectedAnswer when the answer is none; StorageError for a damaged folder.
        """
        try:
            values = self._values(page, runs_max)
            arrays = [self._array(column, values) for column in self._columns]
        except (msgspec.MsgspecError, UnicodeDecodeError, self._arrow.ArrowException) as error:
            raise UnexpectedAnswer(f"not a page of runs: {error}") from error
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _values(self, page: bytes | HandedPage, runs_max: int | None) -> "_Values":
        if not isinstance(page, bytes):
            count = len(page) if runs_max is None else min(len(page), runs_max)
            return page.columns(0, count).values
        runs = self._decoder.decode(page).runs[:runs_max]
        return lambda field: list(map(attrgetter(field), runs))

    def _array(self, column: Column, values: "_Values") -> "pyarrow.Array":
        if column.kind == "seconds":
            ends = _times(self._arrow, values("end_time"))
            return _seconds(self._arrow, _times(self._arrow, values("start_time")), ends)
        return _BUILD[column.kind](self._arrow, values(column.field))


class ArrowTable:
    """Pages in, one table out. The whole result lies in memory."""

    def __init__(self, select: Iterable[str] | None = None, on_runs: OnRuns | None = None) -> None:
        self._pages = ArrowPages(select)
        self._batches: list[pyarrow.RecordBatch] = []
        self._on_runs = on_runs
        self.runs = 0

    def add(self, page: bytes | HandedPage, runs_max: int | None = None) -> None:
        batch = self._pages.batch(page, runs_max)
        self._batches.append(batch)
        self.runs += batch.num_rows
        if self._on_runs:
            self._on_runs(self.runs)

    def table(self) -> "pyarrow.Table":
        return _arrow().Table.from_batches(self._batches, schema=self._pages.schema)


class ParquetFile:
    """Pages in, one Parquet file out; at most twice PARQUET_GROUP_BYTES of it lie in memory.

    A group is written by a thread, while the pages of the next one come.

    A context manager: the file appears under its name, whole, when the block ends well. When it
    does not, nothing appears, and what was there before stays.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        select: Iterable[str] | None = None,
        on_runs: OnRuns | None = None,
    ) -> None:
        self._path = Path(path)
        self._pages = ArrowPages(select)
        self._on_runs = on_runs
        self._waiting: list[pyarrow.RecordBatch] = []
        self._part = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex[:8]}.part")
        self._writer: Any = None
        self._thread = ThreadPoolExecutor(1, "runstore-parquet")
        self._writing: Future[None] | None = None
        self.runs = 0

    def __enter__(self) -> Self:
        from pyarrow import parquet

        self._writer = parquet.ParquetWriter(self._part, self._pages.schema, compression="zstd")
        return self

    def add(self, page: bytes | HandedPage, runs_max: int | None = None) -> None:
        batch = self._pages.batch(page, runs_max)
        self._waiting.append(batch)
        self.runs += batch.num_rows
        rows = sum(one.num_rows for one in self._waiting)
        if rows >= PARQUET_GROUP_RUNS or _bytes(self._waiting) >= PARQUET_GROUP_BYTES:
            self._write_group()
        if self._on_runs:
            self._on_runs(self.runs)

    def _write_group(self) -> None:
        if self._waiting:
            table = _arrow().Table.from_batches(self._waiting, schema=self._pages.schema)
            self._waiting = []
            self._wait()
            self._writing = self._thread.submit(
                self._writer.write_table, table, row_group_size=PARQUET_GROUP_RUNS
            )

    def _wait(self) -> None:
        """For the group that is being written. Raises what kept it from being so."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with self._thread:
                if error is None:
                    self._write_group()
                    self._wait()
            self._writer.close()
            if error is None:
                replace_durably(self._part, self._path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._part.unlink()


def to_pandas(table: "pyarrow.Table") -> "pandas.DataFrame":
    """Times are datetime64 in UTC, tags lists, payloads JSON text."""
    require("pandas", "pandas")
    frame: pandas.DataFrame = table.to_pandas()
    return frame


def to_polars(table: "pyarrow.Table") -> "polars.DataFrame":
    """Without a copy where polars can."""
    frame: polars.DataFrame = require("polars", "polars").from_arrow(table)
    return frame


# --- decoding: only the fields that become columns


def _decoder(fields: Iterable[str]) -> "Lenient[Any]":
    """Of a page, for these fields of Record. Costs come as numbers or in quotes."""
    wanted = {"id", "start_time", *fields}
    usd = {one.field for one in COLUMNS if one.kind == "usd"}
    kept: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(Record):
        if field.name in usd:
            kept.append((field.name, float | str | None, None))
        elif field.name in wanted:
            kept.append((field.name, field.type, None if field.required else field.default))
    run = msgspec.defstruct("Columns", kept, gc=False)
    page = msgspec.defstruct("Page", [("runs", list[run])], gc=False)  # type: ignore[valid-type]
    return Lenient(page)


# --- columns: values in, an Arrow array out


def _texts(arrow: Any, values: list[Any]) -> Any:
    return arrow.array(values, arrow.string())


def _times(arrow: Any, values: list[Any]) -> Any:
    """Arrow reads times that all have a zone, as Runstore writes them; else Python reads each.

    Those of a page from this process are numbers.
    """
    kind = arrow.timestamp("us", "UTC")
    if isinstance(next((one for one in values if one is not None), None), int):
        return arrow.array(values, arrow.int64()).cast(kind)
    try:
        return arrow.array(values, arrow.string()).cast(kind)
    except arrow.ArrowInvalid:
        try:
            return arrow.array([time_from(one) for one in values], kind)
        except ValueError as error:
            raise UnexpectedAnswer(f"not a time: {error}") from error


def _seconds(arrow: Any, starts: Any, ends: Any) -> Any:
    from pyarrow import compute

    length = compute.subtract(ends, starts).cast(arrow.int64())
    return compute.divide(length.cast(arrow.float64()), 1e6)


def _usd(arrow: Any, values: list[Any]) -> Any:
    """An empty text is no cost, as null is."""
    try:
        floats = [None if one in (None, "") else float(one) for one in values]
    except ValueError as error:
        raise UnexpectedAnswer(f"not a cost: {error}") from error
    return arrow.array(floats, arrow.float64())


def _json(arrow: Any, values: list[Any]) -> Any:
    """One copy of the bytes: they lie one after the other, and offsets say where each begins.

    Arrow would make room as it goes, and keep up to twice as much.
    """
    texts = [b"" if one is None else bytes(one) for one in values]
    here = [text != b"null" and text != b"" for text in texts]
    if not any(here):
        return arrow.nulls(len(values), arrow.string())
    validity = None
    if not all(here):
        texts = [text if is_here else b"" for text, is_here in zip(texts, here, strict=True)]
        validity = arrow.array(here, arrow.bool_()).buffers()[1]
    offsets = arrow.array([0, *accumulate(map(len, texts))], arrow.int32()).buffers()[1]
    data = arrow.py_buffer(b"".join(texts))
    binary = arrow.Array.from_buffers(arrow.binary(), len(values), [validity, offsets, data])
    return binary.cast(arrow.string())  # looks whether it is UTF-8


def _metadata(arrow: Any, values: list[Any]) -> Any:
    found = [_EXTRA.decode(one) if one else None for one in values]
    return _json(arrow, [ABSENT if one is None else one.metadata for one in found])


class _Extra(msgspec.Struct, gc=False):
    metadata: msgspec.Raw = ABSENT


_EXTRA = msgspec.json.Decoder(_Extra | None)
_Build = Callable[[Any, list[Any]], Any]
# fmt: off
_BUILD: dict[str, _Build] = {
    "text":     _texts,
    "texts":    lambda arrow, values: arrow.array(values, arrow.list_(arrow.string())),
    "time":     _times,
    "count":    lambda arrow, values: arrow.array(values, arrow.int64()),
    "flag":     lambda arrow, values: arrow.array(values, arrow.bool_()),
    "usd":      _usd,
    "json":     _json,
    "metadata": _metadata,
}
_TYPES: dict[str, Callable[[Any], Any]] = {
    "text":     lambda arrow: arrow.string(),
    "texts":    lambda arrow: arrow.list_(arrow.string()),
    "time":     lambda arrow: arrow.timestamp("us", "UTC"),
    "seconds":  lambda arrow: arrow.float64(),
    "count":    lambda arrow: arrow.int64(),
    "flag":     lambda arrow: arrow.bool_(),
    "usd":      lambda arrow: arrow.float64(),
    "json":     lambda arrow: arrow.string(),
    "metadata": lambda arrow: arrow.string(),
}
# fmt: on


def _bytes(batches: Iterable["pyarrow.RecordBatch"]) -> int:
    return sum(one.nbytes for one in batches)


def _arrow() -> Any:
    return require("pyarrow", "arrow")


def require(name: str, extra: str) -> ModuleType:
    """Raises ImportError that says what to install."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"this needs {name}: pip install 'runstore[{extra}]'", name=name
        ) from error
