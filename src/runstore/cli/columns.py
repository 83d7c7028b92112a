"""The columns runs are shown in, and the fields the server is asked for them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from runstore.cli.output import Column, dollars, local_time, seconds, whole

if TYPE_CHECKING:
    from runstore.client.run import Run

LINE_WIDTHS = {"name": 24, "run_type": 9, "status": 11, "latency": 9, "total_tokens": 8,
               "total_cost": 9}  # fmt: skip
"""Of the columns before the last, where lines come one by one."""

_STYLES = {"error": "red", "pending": "yellow", "success": "green", "interrupted": "magenta"}


def status_style(run: "Run") -> str:
    return _STYLES.get(run.status or "", "")


# fmt: off
RUN_COLUMNS: "list[Column[Run]]" = [
    Column("id",           lambda run: str(run.id)),
    Column("name",         lambda run: run.name, is_free=True),
    Column("run_type",     lambda run: run.run_type, title="type"),
    Column("status",       lambda run: run.status, style=status_style),
    Column("start_time",   lambda run: run.start_time, local_time, title="start"),
    Column("latency",      lambda run: run.latency, seconds, right=True),
    Column("total_tokens", lambda run: run.total_tokens, whole, right=True, title="tokens"),
    Column("total_cost",   lambda run: run.total_cost, dollars, right=True, title="cost"),
    Column("error",        lambda run: run.error, style=lambda run: "red", is_free=True),
]
# fmt: on
RUN_SELECT = (
    "id",
    "name",
    "run_type",
    "status",
    "start_time",
    "end_time",
    "total_tokens",
    "total_cost",
    "error",
)  # fmt: skip


def selected(names: Sequence[str]) -> "list[Column[Run]]":
    """A column for each field that was asked for, as it came."""
    return [_raw_column(name) for name in names]


def _raw_column(name: str) -> "Column[Run]":
    def read(run: "Run") -> Any:
        return orjson.loads(run.raw_json).get(name)

    return Column(name, read, is_free=True)
