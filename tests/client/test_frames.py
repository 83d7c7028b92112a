"""Frames: what the pages of runs say, in columns whose types do not depend on them."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pytest
from pyarrow import parquet

from runstore.client import frames
from runstore.client.frames import (
    COLUMNS,
    ArrowPages,
    ArrowTable,
    ParquetFile,
    arrow_schema,
    to_pandas,
    to_polars,
)
from runstore.client.record import Record
from runstore.client.run import Run
from runstore.client.run_page import decode_page
from runstore.errors import InvalidArgument, UnexpectedAnswer
from runstore.wire.names import DEFAULT, SELECTABLE

ID = "0198c0de-0000-7000-8000-{:012d}"
FULL: dict[str, Any] = {
    "id": ID.format(1),
    "trace_id": ID.format(2),
    "parent_run_id": ID.format(2),
    "parent_run_ids": [ID.format(2)],
    "dotted_order": "d",
    "session_id": ID.format(3),
    "name": "größe",
    "run_type": "llm",
    "status": "success",
    "error": None,
    "start_time": "2026-03-01T10:00:00.000001+00:00",
    "end_time": "2026-03-01T10:00:01.500001+00:00",
    "first_token_time": None,
    "tags": ["a", "b"],
    "thread_id": "t",
    "total_tokens": 12,
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_cost": "0.0012",
    "prompt_cost": 0.001,
    "completion_cost": None,
    "prompt_token_details": {"cache_read": 3},
    "prompt_cost_details": {"cache_read": "0.1"},
    "feedback_stats": {"k": {"n": 1, "avg": 0.5}},
    "extra": {"metadata": {"a": [1, "ü"]}, "runtime": {}},
    "inputs": {"messages": [{"content": "x" * 100}]},
    "outputs": None,
    "events": [{"name": "start"}],
    "serialized": None,
    "app_path": "/o",
    "in_dataset": False,
    "trace_first_received_at": "2026-03-01T10:00:02+00:00",
    "s3_urls": {"attachment.a": {"presigned_url": "/x"}},
    "unknown": {"a": 1},
}
LEAST = {"id": ID.format(9), "name": "n", "run_type": "chain", "start_time": "2026-03-01T10:00:00"}


def to_arrow(pages: Iterable[bytes], select: Iterable[str] | None = None) -> pyarrow.Table:
    made = ArrowTable(select)
    for body in pages:
        made.add(body)
    return made.table()


def page(*runs: dict[str, Any]) -> bytes:
    return orjson.dumps({"runs": runs, "cursors": {}, "parsed_query": None})


def rows_of(*runs: dict[str, Any], select: Any = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = to_arrow([page(*runs)], select).to_pylist()
    return rows


def as_column(run: Run, name: str, kind: str) -> Any:
    """What a column has to hold of a run."""
    if name == "s3_urls":
        return FULL["s3_urls"]
    value = getattr(run, name)
    if kind == "usd":
        return None if value is None else float(value)
    if kind in ("json", "metadata"):
        return None if value is None else json.loads(json.dumps(value, default=str))
    return run.model_dump(mode="json", include=[name])[name] if kind in ("text", "texts") else value


def test_columns_hold_what_run_objects_hold() -> None:
    every = [column.field for column in COLUMNS]
    [run] = decode_page(page(FULL)).runs
    [row] = rows_of(FULL, select=every)
    for column in COLUMNS:
        value = row[column.name]
        if column.kind in ("json", "metadata") and value is not None:
            value = json.loads(value)
        assert value == as_column(run, column.name, column.kind), column.name


def test_payloads_are_the_bytes_the_server_wrote() -> None:
    body = page(FULL).replace(b'{"name":"start"}', b'{ "name" : "start" }')
    assert to_arrow([body]).column("events").to_pylist() == ['[{ "name" : "start" }]']


@pytest.mark.parametrize(
    ("fields", "column", "value"),
    [
        ({}, "start_time", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ({"end_time": "2026-03-01T12:00:01+02:00"}, "end_time",
         datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)),
        ({"end_time": "2026-03-01T10:00:00.25Z"}, "latency", 0.25),
        ({}, "latency", None),
        ({}, "total_tokens", None),
        ({}, "tags", None),
        ({"tags": []}, "tags", []),
        ({"total_cost": ""}, "total_cost", None),
        ({"total_cost": 2}, "total_cost", 2.0),
        ({"inputs": {}}, "inputs", "{}"),
        ({"error": "MENDED"}, "error", "a\N{REPLACEMENT CHARACTER}"),
        ({"extra": None}, "metadata", None),
        ({"extra": {"metadata": None}}, "metadata", None),
        ({"extra": {"runtime": 1}}, "metadata", None),
    ],
)  # fmt: skip
def test_a_value_and_its_absence(fields: dict[str, Any], column: str, value: Any) -> None:
    body = page({**LEAST, **fields}, FULL).replace(b"MENDED", b"a\\ud800")
    assert to_arrow([body]).column(column)[0].as_py() == value


def test_the_schema_does_not_depend_on_the_runs() -> None:
    schema = arrow_schema()
    for pages in ([], [page()], [page(LEAST)], [page(FULL), page(LEAST)]):
        assert to_arrow(pages).schema == schema
    assert schema.field("start_time").type == pyarrow.timestamp("us", "UTC")
    assert schema.field("total_cost").type == pyarrow.float64()


def test_every_field_has_a_column_or_none_on_purpose() -> None:
    """Selectable fields without a column: what is always empty, or another's content again."""
    without = {name for name in SELECTABLE if name.endswith(("_s3_urls", "_or_signed_url"))}
    without |= {"manifest", "manifest_id", "manifest_s3_id", "reference_dataset_id"}
    without |= {"price_model_id", "last_queued_at", "share_token", "trace_tier", "ttl_seconds"}
    without |= {"trace_upgrade", "trace_min_max_start_time"}
    fields = {column.field for column in COLUMNS}
    assert fields == SELECTABLE.keys() - without
    assert fields <= set(Record.__struct_fields__)
    assert {column.field for column in COLUMNS if column.by_default} <= DEFAULT


def test_select_narrows_the_columns() -> None:
    table = to_arrow([page(FULL)], ["outputs", "extra", "end_time"])
    want = ["id", "end_time", "latency", "metadata", "outputs", "extra"]
    assert table.column_names == want
    with pytest.raises(InvalidArgument, match=r"select: manifest, nam: no column; one of id"):
        arrow_schema(["nam", "manifest"])


def test_a_page_can_be_cut() -> None:
    pages = ArrowPages()
    assert pages.batch(page(FULL, LEAST), runs_max=1).num_rows == 1
    assert pages.batch(page(FULL, LEAST)).num_rows == 2


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<html>", "not a page of runs"),
        (b'{"detail": "no"}', "runs"),
        (page({**LEAST, "start_time": "soon"}), "not a time"),
        (page({**LEAST, "total_cost": "much"}), "not a cost"),
        (page({**LEAST, "total_tokens": "many"}), "total_tokens"),
        (page({**LEAST, "inputs": {"a": "b"}}).replace(b'"b"', b'"\xff"'), "not a page of runs"),
    ],
)
def test_what_is_no_page_is_told(body: bytes, what: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=what):
        to_arrow([body])


def test_pandas_and_polars_have_the_same_rows() -> None:
    table = to_arrow([page(FULL), page(LEAST)])
    panda, polar = to_pandas(table), to_polars(table)
    assert list(panda["id"]) == polar["id"].to_list() == [FULL["id"], LEAST["id"]]
    assert str(panda["start_time"].dtype) == "datetime64[us, UTC]"
    assert panda["total_cost"].sum() == 0.0012
    assert polar["tags"].to_list() == [["a", "b"], None]


# --- files


def to_parquet(
    pages: Iterable[bytes], path: Path, on_runs: Callable[[int], None] | None = None
) -> int:
    with ParquetFile(path, None, on_runs) as file:
        for body in pages:
            file.add(body)
    return file.runs


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "runs.parquet"
    assert [one for one in os.listdir(tmp_path) if one != "runs.parquet"] == [], "leftovers"


def test_a_parquet_file_holds_what_the_table_holds(path: Path) -> None:
    pages = [page(FULL, LEAST), page(), page(FULL)]
    told: list[int] = []
    assert to_parquet(pages, path, on_runs=told.append) == 3
    assert told == [2, 2, 3]
    assert parquet.read_table(path).equals(to_arrow(pages))


@pytest.mark.parametrize(
    ("bound", "value"), [("PARQUET_GROUP_RUNS", 2), ("PARQUET_GROUP_BYTES", 1)]
)
def test_what_is_gathered_is_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(frames, bound, value)
    with ParquetFile(path) as file:
        for _ in range(3):
            file.add(page(FULL, LEAST))
            assert file._waiting == []
    written = parquet.ParquetFile(path)
    assert (written.num_row_groups, written.metadata.num_rows) == (3, 6)


def test_a_file_without_runs_has_the_columns(path: Path) -> None:
    assert to_parquet([], path) == 0
    assert parquet.read_table(path).schema.equals(arrow_schema())


def test_a_failure_leaves_the_file_that_was_there(path: Path) -> None:
    path.write_text("before")

    def pages() -> Iterator[bytes]:
        yield page(FULL)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        to_parquet(pages(), path)
    assert path.read_text() == "before"
    assert to_parquet([page(FULL)], path) == 1
    assert parquet.read_table(path).num_rows == 1


def test_what_a_disk_refuses_is_told_by_the_next_group_or_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(frames, "PARQUET_GROUP_RUNS", 1)
    monkeypatch.setattr(parquet.ParquetWriter, "write_table", refuse)
    for count in (1, 2):
        with pytest.raises(OSError, match="No space left"):
            to_parquet([page(FULL)] * count, path)
    assert not path.exists()


def test_what_is_missing_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'runstore\[arrow\]'"):
        to_arrow([])
