"""Rows and JSON -> stdout: for people where it is a terminal, for programs where it is not.

table   columns that fit a terminal; into a pipe a line each, tabs between, nothing cut
json    one array
jsonl   one object a line
csv     RFC 4180, with a heading
"""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

T = TypeVar("T")
Format = Literal["table", "json", "jsonl", "csv"]
CELL_CHARS = 120  # of a text in a terminal's table


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """`read` gives the value, as programs get it; `show` what people see of it."""

    name: str
    read: Callable[[T], Any]
    show: Callable[[Any], str] | None = None  # None: as programs get it
    right: bool = False
    style: Callable[[T], str] | None = None
    title: str | None = None  # for people; None: `name`
    is_free: bool = False  # text of any length, which may be cut to fit a terminal


def write(
    items: Iterable[T],
    columns: Sequence[Column[T]],
    output: Format,
    to_json: Callable[[T], bytes],
) -> int:
    """How many there were. Streams, but for a terminal's table, whose widths depend on all."""
    each = iter(items)
    counted = _Counted(chain(list(islice(each, 1)), each))  # nothing is printed before an error
    if output == "json":
        write_json(to_json(item) for item in counted)
    elif output == "jsonl":
        for item in counted:
            sys.stdout.write(one_line(to_json(item)) + "\n")
    elif output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        writer.writerows([plain(column.read(item)) for column in columns] for item in counted)
    elif sys.stdout.isatty():
        _write_table(counted, columns)
    else:
        write_tabbed(counted, columns)
    return counted.count


def write_json(values: Iterable[bytes]) -> None:
    """An array, a value a line."""
    sys.stdout.write("[")
    separator = "\n"
    for value in values:
        sys.stdout.write(f"{separator}{one_line(value)}")
        separator = ",\n"
    sys.stdout.write("\n]\n")


def write_tabbed(items: Iterable[T], columns: Sequence[Column[T]]) -> None:
    sys.stdout.write("\t".join(column.name for column in columns) + "\n")
    for item in items:
        cells = (one_cell(plain(column.read(item))) for column in columns)
        sys.stdout.write("\t".join(cells) + "\n")


def one_line(json: bytes) -> str:
    """Line breaks in JSON stand between its values, never inside."""
    return json.replace(b"\r", b" ").replace(b"\n", b" ").decode()


def one_cell(text: str) -> str:
    return text.replace("\t", " ").replace("\r", " ").replace("\n", " ")


def plain(value: Any) -> str:
    """For programs: exact, empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if isinstance(value, list | dict):
        import orjson

        return orjson.dumps(value, default=str).decode()
    return str(value)


def console() -> "Console":
    """Of stdout as it is now; without colours where it is no terminal."""
    from rich.console import Console

    return Console(highlight=False, emoji=False)


def _write_table(items: Iterable[T], columns: Sequence[Column[T]]) -> None:
    from rich.cells import cell_len
    from rich.table import Table

    rows = [[shown(column, item) for column in columns] for item in items]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, column in enumerate(columns):
        title = column.title or column.name
        widest = max([len(title), *(cell_len(row[at].plain) for row in rows)])
        table.add_column(
            title,
            justify="right" if column.right else "left",
            no_wrap=True,
            min_width=None if column.is_free else widest,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*row)
    console().print(table)


def shown(column: Column[T], item: T) -> "Text":
    """A cell as people see it."""
    from rich.text import Text

    value = column.read(item)
    if value is None:
        return Text()
    text = one_cell(plain(value) if column.show is None else column.show(value))
    if len(text) > CELL_CHARS:
        text = text[: CELL_CHARS - 3] + "..."
    return Text(text, "" if column.style is None else column.style(item))


class _Counted(Generic[T]):
    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[T]:
        for item in self._items:
            self.count += 1
            yield item


# --- what people see


def local_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: float | timedelta) -> str:
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if number < 1:
        return f"{number * 1_000:.0f} ms"
    return f"{number:.2f} s" if number < 60 else f"{number / 60:.1f} min"


def whole(value: int) -> str:
    return f"{value:,}" if value else ""


def dollars(value: Decimal | str | float) -> str:
    number = Decimal(str(value))
    return f"${number:.4f}" if number >= Decimal("0.0001") else f"${number.normalize():f}"


def percent(value: float) -> str:
    return f"{value:.1%}"


def figure(name: str) -> Callable[[Any], str] | None:
    """How people see a figure of this name."""
    if name.startswith(("latency_", "first_token_")):
        return seconds
    if name.endswith("_rate"):
        return percent
    if name.endswith(("_cost", "cost_p50", "cost_p99")):
        return dollars
    return whole if name.endswith(("_count", "_tokens")) else None
