"""The options that say which runs -> keywords of list_runs, get_run_stats and tail."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from runstore.errors import InvalidArgument

WHICH = Group("Which runs", sort_key=1)
RunType = Literal["llm", "chain", "tool", "retriever", "embedding", "prompt", "parser"]
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SCOPES = ("project", "project_id", "trace_id", "parent_run_id", "reference_example_id",
           "dataset_id", "dataset_name", "run_ids")  # fmt: skip


@Parameter(name="*", group=WHICH)
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """All that is given must hold. Nothing given: the runs of all projects."""

    project: Annotated[
        list[str] | None,
        Parameter(name=("--project", "--project-name", "-p"), help="A project's name; repeatable"),
    ] = None
    project_id: Annotated[list[str] | None, Parameter(help="Repeatable")] = None
    all_projects: Annotated[
        bool, Parameter(negative=(), help="Runs of all projects; the default")
    ] = False
    filter: Annotated[
        str | None,
        Parameter(name=("--filter", "-f"), help="About the run: 'eq(name, \"agent\")'"),
    ] = None
    trace_filter: Annotated[str | None, Parameter(help="About the root of its trace")] = None
    tree_filter: Annotated[str | None, Parameter(help="About any run of its trace")] = None
    query: Annotated[str | None, Parameter(name=("--query", "-q"), help="Words to find")] = None
    run_type: RunType | None = None
    is_root: Annotated[bool | None, Parameter(help="The first run of its trace, or not")] = None
    error: Annotated[bool | None, Parameter(help="With an error, or without")] = None
    start_time: Annotated[
        str | None,
        Parameter(
            name=("--start-time", "--since"),
            help="The earliest start: an ISO time, local without a zone, or 15m, 2h, 7d ago",
        ),
    ] = None
    end_time: Annotated[
        str | None, Parameter(name=("--end-time", "--until"), help="Ended before; likewise")
    ] = None
    trace_id: str | None = None
    parent_run_id: Annotated[str | None, Parameter(help="Its direct children")] = None
    reference_example_id: Annotated[list[str] | None, Parameter(help="Repeatable")] = None
    dataset_id: Annotated[str | None, Parameter(help="Runs on its examples")] = None
    dataset_name: str | None = None
    run_ids: Annotated[
        list[str] | None, Parameter(name=("--run-ids", "--id"), help="Repeatable")
    ] = None

    def keywords(self, *, needs_scope: bool = True) -> dict[str, Any]:
        """Of RunFilters. Raises InvalidArgument for a time that is none."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name, option in (("start_time", "--since"), ("end_time", "--until")):
            if given[name] is not None:
                given[name] = as_time(option, given[name])
        if needs_scope and not any(given[name] for name in _SCOPES):
            given["all_projects"] = True
        given["project_name"] = given.pop("project")
        return {name: value for name, value in given.items() if value not in (None, False)} | {
            name: False for name in ("is_root", "error") if given[name] is False
        }


EVERY_RUN = RunOptions()


def as_time(option: str, text: str, now: datetime | None = None) -> datetime:
    """An ISO time, local without a zone; or how long ago: 90s, 15m, 2h, 7d, 4w."""
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            moment = datetime.now(UTC) if now is None else now
            return moment - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise InvalidArgument(
            f"{option}: {text!r} is neither an ISO time, such as"
            " 2026-03-01T10:00, nor how long ago, such as 15m, 2h, 7d"
        ) from None


def comma_separated(texts: list[str] | None) -> list[str] | None:
    """`--select id,name --select error` -> three names."""
    if texts is None:
        return None
    return [name for text in texts for name in text.replace(",", " ").split()]
