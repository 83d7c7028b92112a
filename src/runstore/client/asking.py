"""Keyword arguments -> RunAsk: what list_runs, get_run_stats and their kin may be asked. No I/O.

The keywords are LangSmith's. An unknown one is a TypeError here, never a field on the wire.
"""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from enum import Enum
from typing import Any, Literal, NoReturn, TypedDict
from uuid import UUID

from runstore.client.expression import Expression
from runstore.client.moments import aware
from runstore.errors import InvalidArgument

Id = UUID | str
Ids = Id | Iterable[Id]
Filter = str | Expression
Moment = datetime | str


class RunFilters(TypedDict, total=False):
    """Which runs. All that is given must hold; one value or any iterable where there is `Ids`.

    A datetime without a zone is local time, as Python means it; a text without one is UTC, as the
    wire means it. `start_time` is the earliest start; `end_time` keeps runs that ended before it.
    None is as if it had not been given.
    """

    project_id: Ids | None
    project_name: str | Iterable[str] | None
    all_projects: bool
    run_type: str | None
    trace_id: Id | None
    parent_run_id: Id | None  # direct children alone
    reference_example_id: Ids | None
    dataset_id: Id | None  # runs on any of its examples
    dataset_name: str | None
    query: str | None  # full text, or a question if the server has a model
    filter: Filter | None  # about the run
    trace_filter: Filter | None  # about the root of its trace
    tree_filter: Filter | None  # about any run of its trace
    is_root: bool | None
    error: bool | None
    start_time: datetime | str | None
    end_time: datetime | str | None
    run_ids: Ids | None
    id: Ids | None  # another name of run_ids


class RunListing(RunFilters, total=False):
    """Which runs, what of them, how many and in which order."""

    select: str | Iterable[str] | None  # None: what the server gives by default
    limit: int | None  # runs in all, however many pages; None: all
    order: Literal["asc", "desc"] | None  # by start; None: the newest first
    cursor: str | None  # where an earlier listing with the same arguments had come to


class StatsFilters(RunFilters, total=False):
    """Which runs figures are of; the SDK's get_run_stats has other names for some of the words."""

    project_ids: Ids | None
    project_names: str | Iterable[str] | None
    reference_example_ids: Ids | None
    trace: Id | None
    parent_run: Id | None


@dataclass(frozen=True, slots=True)
class RunAsk:
    """Checked arguments, in the wire's words; names still have to be resolved to ids."""

    restrictions: dict[str, Any] = field(default_factory=dict)  # fields of POST /runs/query
    project_names: tuple[str, ...] = ()
    all_projects: bool = False
    dataset_id: str | None = None
    dataset_name: str | None = None
    select: tuple[str, ...] | None = None
    limit: int | None = None
    order: str | None = None
    cursor: str | None = None
    is_empty: bool = False  # a list of nothing was given: no run can be in it


def ask_runs(
    keywords: Mapping[str, Any], function: str = "list_runs", kind: type | None = None
) -> RunAsk:
    """`kind`, by default the RunListing, RunFilters or StatsFilters `function` takes -> RunAsk.

    Raises TypeError for an unknown keyword or a value of another type, InvalidArgument for a value
    that means nothing, or when nothing says which runs.
    """
    known = kind or _KEYWORDS.get(function, RunFilters)
    refuse_unknown(keywords, known.__annotations__, function)
    given = _by_own_names(keywords)
    ask = RunAsk(
        restrictions=_restrictions(given),
        project_names=tuple(
            as_name("project_name", one)
            for one in as_texts("project_name", given.get("project_name", ()))
        ),
        all_projects=bool(given.get("all_projects", False)),
        dataset_id=_one_id("dataset_id", given),
        dataset_name=_name("dataset_name", given),
        select=as_select(given.get("select")),
        limit=_limit(given.get("limit")),
        order=_order(given.get("order")),
        cursor=_text("cursor", given),
    )
    _check_scope(ask, given, function)
    return replace(ask, is_empty=_is_empty(ask, given))


def refuse_unknown(keywords: Iterable[str], known: Iterable[str], function: str) -> None:
    """Raises TypeError with what was probably meant."""
    names = list(known)
    for keyword in keywords:
        if keyword in names:
            continue
        near = get_close_matches(keyword, names, n=1, cutoff=0.75)
        hint = MEANT.get(keyword) or (f"did you mean {near[0]}?" if near else "")
        if not hint:
            hint = f"it takes {', '.join(names)}"
        raise TypeError(f"{function}() got an unexpected keyword argument {keyword!r}; {hint}")


# fmt: off
MEANT = {  # names of the wire, of the UI and of other stores -> what to write here
    "ids":                    "use run_ids",
    "run_id":                 "use run_ids",
    "trace":                  "use trace_id",
    "parent_run":             "use parent_run_id",
    "parent_id":              "use parent_run_id",
    "reference_example":      "use reference_example_id",
    "example_id":             "use reference_example_id",
    "session":                "use project_id, or project_name",
    "session_id":             "use project_id",
    "session_name":           "use project_name",
    "project":                "use project_name, or project_id",
    "project_names":          "use project_name, which takes several, too",
    "project_ids":            "use project_id, which takes several, too",
    "min_start_time":         "use start_time",
    "max_start_time":         "use filter=F.start_time < ...",
    "start_time_before":      "use filter=F.start_time < ...",
    "has_error":              "use error",
    "status":                 "use filter=F.status == ...",
    "name":                   "use filter=F.name == ...",
    "run_name":               "use filter=F.name == ...",
    "tags":                   'use filter=F.tags.has("...")',
    "metadata":               'use filter=F.metadata["key"] == ...',
    "thread_id":              "use filter=F.thread_id == ...",
    "feedback":               'use filter=F.feedback["key"] >= ...',
    "search":                 'use filter=F.search("..."), or query',
    "search_filter":          "use filter",
    "order_by":               'use order="asc" or order="desc": runs are in the order they started',
    "sort":                   'use order="asc" or order="desc": runs are in the order they started',
    "sort_order":             'use order="asc" or order="desc"',
    "page_size":              "use limit, the number of runs in all; pages are the client's affair",
    "offset":                 "use cursor",
    "fields":                 "use select",
    "selects":                "use select",
    "include":                "use select",
    "execution_order":        "use is_root=True for the first runs of traces",
    "child_run_ids":          "use trace_id, or read_run(..., load_child_runs=True)",
    "load_child_runs":        "use read_run(..., load_child_runs=True), or read_trace",
}
# fmt: on


_KEYWORDS: dict[str, type] = {"list_runs": RunListing, "get_run_stats": StatsFilters}
_OTHER_NAMES = {  # of StatsFilters -> of RunFilters
    "project_ids": "project_id",
    "project_names": "project_name",
    "reference_example_ids": "reference_example_id",
    "trace": "trace_id",
    "parent_run": "parent_run_id",
}


def _by_own_names(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, each once. Raises InvalidArgument for a thing said by both its names."""
    given: dict[str, Any] = {}
    for keyword, value in keywords.items():
        name = _OTHER_NAMES.get(keyword, keyword)
        if value is None:
            continue
        if name in given:
            other = next(other for other, own in _OTHER_NAMES.items() if own == name)
            raise InvalidArgument(f"{name} and {other} mean the same; give one of them")
        given[name] = value
    return given


def _restrictions(given: Mapping[str, Any]) -> dict[str, Any]:
    """In the order in which the SDK writes them."""
    fields = {
        "session": _many_ids("project_id", given),
        "run_type": _plain(given.get("run_type")),
        "reference_example": _many_ids("reference_example_id", given),
        "query": _text("query", given),
        "filter": _filter("filter", given),
        "trace_filter": _filter("trace_filter", given),
        "tree_filter": _filter("tree_filter", given),
        "is_root": given.get("is_root"),
        "parent_run": _one_id("parent_run_id", given),
        "start_time": _time("start_time", given),
        "end_time": _time("end_time", given),
        "error": given.get("error"),
        "id": _run_ids(given),
        "trace": _one_id("trace_id", given),
    }
    return {name: value for name, value in fields.items() if value is not None}


_SCOPES = ("project_id", "project_name", "trace_id", "parent_run_id", "reference_example_id",
           "dataset_id", "dataset_name", "run_ids", "id")  # fmt: skip


def _check_scope(ask: RunAsk, given: Mapping[str, Any], function: str) -> None:
    """One of these must say where to look: without it the hosted API refuses, and so do we."""
    if ask.all_projects:
        for name in ("project_id", "project_name"):
            if name in given:
                raise InvalidArgument(f"all_projects=True and {name}: give one of them")
    elif not any(name in given for name in _SCOPES):
        raise InvalidArgument(
            f"{function}() does not say which runs: give project_name, project_id, trace_id, "
            "parent_run_id, reference_example_id, dataset_name, run_ids, or all_projects=True"
        )
    datasets = [name for name in ("dataset_id", "dataset_name") if name in given]
    if len(datasets) == 2 or (datasets and "reference_example_id" in given):
        raise InvalidArgument("dataset_id, dataset_name, reference_example_id: give one of them")


def _is_empty(ask: RunAsk, given: Mapping[str, Any]) -> bool:
    found = ask.restrictions
    if "id" in found and not found["id"]:
        return True
    if "reference_example" in found and not found["reference_example"]:
        return True
    projects = "project_id" in given or "project_name" in given
    return ask.limit == 0 or (projects and not found.get("session") and not ask.project_names)


# --- values


def as_id(name: str, value: object) -> str:
    """Canonical text. `name` is the argument's, for the message."""
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, str):
        _wrong_type(name, value, "a UUID, or its text")
    try:
        return str(UUID(value))
    except ValueError:
        instead = "; a name goes into project_name" if name == "project_id" else ""
        raise InvalidArgument(f"{name}: {value!r} is not a UUID{instead}") from None


def as_ids(name: str, value: object) -> list[str]:
    """Of one id or of several, without repeats, in the order given."""
    if isinstance(value, str | UUID):
        return [as_id(name, value)]
    if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        _wrong_type(name, value, "a UUID, its text, or several of them")
    return list(dict.fromkeys(as_id(name, one) for one in value))


def as_name(name: str, value: object) -> str:
    """Raises InvalidArgument for an empty one: a server would give the first thing it has."""
    if not isinstance(value, str):
        _wrong_type(name, value, "text")
    if not value:
        raise InvalidArgument(f"{name} is empty, which servers take for any name; give the name")
    return value


def as_time(name: str, value: datetime | str) -> str:
    """ISO-8601 with a zone; without one the time is local. A text goes as it is."""
    if isinstance(value, str):
        return value
    if not isinstance(value, datetime):
        _wrong_type(name, value, "a datetime")
    return aware(value).isoformat()


def _one_id(name: str, given: Mapping[str, Any]) -> str | None:
    value = given.get(name)
    return None if value is None else as_id(name, value)


def _many_ids(name: str, given: Mapping[str, Any]) -> list[str] | None:
    return as_ids(name, given[name]) if name in given else None


def _run_ids(given: Mapping[str, Any]) -> list[str] | None:
    if "run_ids" in given and "id" in given:
        raise InvalidArgument("run_ids and id mean the same; give one of them")
    return _many_ids("run_ids" if "run_ids" in given else "id", given)


def as_select(value: object) -> tuple[str, ...] | None:
    """Fields by their names of the wire; "attachments", as a Run calls them, are its s3_urls."""
    if value is None:
        return None
    named = ("s3_urls" if one == "attachments" else one for one in as_texts("select", value))
    return tuple(dict.fromkeys(named))


def as_texts(name: str, value: object) -> tuple[str, ...]:
    """Of one text or of several, without repeats, in the order given."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        _wrong_type(name, value, "text, or several texts")
    texts = tuple(dict.fromkeys(value))
    for text in texts:
        if not isinstance(text, str):
            _wrong_type(name, text, "text")
    return texts


def _name(name: str, given: Mapping[str, Any]) -> str | None:
    return as_name(name, given[name]) if name in given else None


def _text(name: str, given: Mapping[str, Any]) -> str | None:
    value: str | None = given.get(name)
    if value is not None and not isinstance(value, str):
        _wrong_type(name, value, "text")
    return value


def _filter(name: str, given: Mapping[str, Any]) -> str | None:
    value: Filter | None = given.get(name)
    if isinstance(value, Expression):
        return str(value)
    if value is not None and not isinstance(value, str):
        _wrong_type(name, value, 'filter text or an expression, such as F.name == "agent"')
    return value


def _time(name: str, given: Mapping[str, Any]) -> str | None:
    value = given.get(name)
    return None if value is None else as_time(name, value)


def _limit(value: object) -> int | None:
    if value is None:
        return None
    try:
        limit = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        _wrong_type("limit", value, "a whole number, or None for all")
    if limit < 0:
        raise InvalidArgument(f"limit: {limit} is less than 0; None means all runs")
    return limit


def _order(value: object) -> str | None:
    order: str | None = _plain(value)
    if order not in (None, "asc", "desc"):
        raise InvalidArgument(f"order: {order!r} is neither 'asc' nor 'desc'")
    return order


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _wrong_type(name: str, value: object, wanted: str) -> NoReturn:
    raise TypeError(f"{name} is {type(value).__name__}; it takes {wanted}")
