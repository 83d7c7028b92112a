"""Arguments of create_run, update_run and create_feedback -> what is sent. No I/O.

Everything is turned into JSON here, in the caller's thread: what he changes later is not sent.
"""

import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from runstore.client.asking import Id
from runstore.client.calls.bodies import OUT_OF_LINE, AttachedFile, FeedbackWrite, RunWrite
from runstore.client.calls.feedback import FeedbackGiven, make_feedback
from runstore.client.calls.listing import refuse_unknown
from runstore.client.moments import aware
from runstore.client.serde import dump_json
from runstore.errors import InvalidArgument
from runstore.limits import ATTACHMENT_BYTES_MAX, KNOWN_RUNS_MAX
from runstore.model.dotted_order import segment
from runstore.model.ids import canonical_id
from runstore.model.project import DEFAULT_PROJECT
from runstore.model.times import text_from_us, us_from_datetime, us_from_text

Moment = datetime | str
"""Aware, or naive in local time; or ISO-8601 text, which without a zone is UTC."""
AttachmentGiven = tuple[str, bytes | Path]
"""(mime type, content), or (mime type, the path of the file that has it)."""

_PROJECT_VARIABLES = ("LANGSMITH_PROJECT", "LANGCHAIN_PROJECT", "LANGCHAIN_SESSION")


class _RunFields(TypedDict, total=False):
    """None says nothing. `metadata` and `usage_metadata` are put into extra["metadata"]."""

    outputs: Any
    error: str | BaseException | None
    start_time: Moment | None
    end_time: Moment | None
    tags: Sequence[str] | None
    metadata: Mapping[str, Any] | None
    usage_metadata: Mapping[str, Any] | None  # {"input_tokens", "output_tokens", "total_cost", ...}
    extra: Mapping[str, Any] | None
    events: Sequence[Mapping[str, Any]] | None
    attachments: Mapping[str, AttachmentGiven] | None
    reference_example_id: Id | None
    serialized: Mapping[str, Any] | None
    trace_id: Id | None
    dotted_order: str | None
    parent_run_id: Id | None
    project_name: str | None
    session_name: str | None  # the SDK's other name of project_name
    session_id: Id | None  # the project's id


class RunCreate(_RunFields, total=False):
    """What create_run takes beside name, inputs and run_type."""

    id: Id | None
    revision_id: str | None  # goes into extra["metadata"], as the SDK puts it


class RunUpdate(_RunFields, total=False):
    """What update_run takes."""

    name: str | None
    run_type: str | None
    inputs: Any


@dataclass(slots=True)
class KnownRun:
    """Where a run this client has created is, for its children and updates."""

    trace_id: str
    dotted_order: str
    project: dict[str, str]  # {"session_name": ...} or {"session_id": ...}
    has_ended: bool


class RunWriter:
    """Makes the messages of one client, and remembers where its newest runs are."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._environ, self._now, self._new_id = environ, now, new_id
        self._known: OrderedDict[str, KnownRun] = OrderedDict()
        self._lock = threading.Lock()

    def create(self, name: str, inputs: Any, run_type: str, given: Mapping[str, Any]) -> RunWrite:
        """Raises TypeError for an unknown name, InvalidArgument for a wrong id or time."""
        refuse_unknown(given, RunCreate, "create_run")
        run_id = _id("id", given.get("id")) or str(self._new_id())
        start = given.get("start_time")
        start_us = us_from_datetime(self._now()) if start is None else _us("start_time", start)
        fields: dict[str, Any] = {"id": run_id, "name": _whole(str(name))}
        fields["run_type"] = _whole(str(run_type))
        fields["start_time"] = text_from_us(start_us)
        _add_fields(fields, given)
        parent = self.known(fields.get("parent_run_id"))
        project = self._project(given, parent)
        fields.update(project)
        _place(fields, start_us, parent)
        metadata = {}
        if given.get("revision_id") is not None:
            metadata["revision_id"] = given["revision_id"]
        payloads = _payloads({**given, "inputs": inputs}, metadata)
        if fields.get("trace_id") and fields.get("dotted_order"):
            ended = "end_time" in fields
            self._remember(
                run_id, KnownRun(fields["trace_id"], fields["dotted_order"], project, ended)
            )
        return RunWrite("post", run_id, fields, payloads, _attached(given.get("attachments")))

    def update(self, run_id: Id, given: Mapping[str, Any]) -> RunWrite:
        """As `create`. An update with outputs or an error ends its run now, if nothing else did."""
        refuse_unknown(given, RunUpdate, "update_run")
        the_id = _id("run_id", run_id)
        if the_id is None:
            raise InvalidArgument("run_id is None; update_run needs the id create_run was given")
        fields: dict[str, Any] = {"id": the_id}
        if given.get("start_time") is not None:
            fields["start_time"] = text_from_us(_us("start_time", given["start_time"]))
        _add_fields(fields, given)
        known = self.known(the_id)
        if known is not None:
            fields.setdefault("trace_id", known.trace_id)
            fields.setdefault("dotted_order", known.dotted_order)
            if not _named_project(given):
                fields.update(known.project)
        else:
            _place_of_dotted_order(fields)
        fields.update(_named_project(given))
        ends = given.get("outputs") is not None or given.get("error") is not None
        if ends and "end_time" not in fields and not (known is not None and known.has_ended):
            fields["end_time"] = text_from_us(us_from_datetime(self._now()))
        if known is not None and "end_time" in fields:
            known.has_ended = True
        payloads = _payloads(given, {})
        return RunWrite("patch", the_id, fields, payloads, _attached(given.get("attachments")))

    def feedback(self, run_id: Id | None, key: str, given: FeedbackGiven) -> FeedbackWrite:
        """A record with all this client knows of its run. Raises TypeError, InvalidArgument."""
        refuse_unknown(given, FeedbackGiven, "create_feedback")
        known = self.known(_id("run_id", run_id))
        if known is not None and given.get("trace_id") is None:
            given = {**given, "trace_id": known.trace_id}
        return make_feedback(run_id, key, given, now=self._now(), new_id=self._new_id)

    def known(self, run_id: str | None) -> KnownRun | None:
        with self._lock:
            return None if run_id is None else self._known.get(run_id)

    def _remember(self, run_id: str, run: KnownRun) -> None:
        with self._lock:
            self._known[run_id] = run
            self._known.move_to_end(run_id)
            if len(self._known) > KNOWN_RUNS_MAX:
                self._known.popitem(last=False)

    def _project(self, given: Mapping[str, Any], parent: KnownRun | None) -> dict[str, str]:
        """What the caller names, else the parent's, else what the environment says."""
        named = _named_project(given)
        if named:
            return named
        if parent is not None:
            return parent.project
        return {"session_name": _whole(default_project(self._environ))}


def default_project(environ: Mapping[str, str] = os.environ) -> str:
    """LANGSMITH_PROJECT, else LANGCHAIN_PROJECT, else LANGCHAIN_SESSION, else "default"."""
    for name in _PROJECT_VARIABLES:
        if value := environ.get(name, "").strip().strip("\"'"):
            return value
    return DEFAULT_PROJECT


def _named_project(given: Mapping[str, Any]) -> dict[str, str]:
    name = given.get("project_name") or given.get("session_name")
    if name:
        return {"session_name": _whole(str(name))}
    project_id = _id("session_id", given.get("session_id"))
    return {} if project_id is None else {"session_id": project_id}


# --- what is in line


def _add_fields(fields: dict[str, Any], given: Mapping[str, Any]) -> None:
    for name in ("name", "run_type", "dotted_order"):
        if given.get(name) is not None:
            fields[name] = _whole(str(given[name]))
    for name in ("trace_id", "parent_run_id", "reference_example_id"):
        if (value := _id(name, given.get(name))) is not None:
            fields[name] = value
    if given.get("end_time") is not None:
        fields["end_time"] = text_from_us(_us("end_time", given["end_time"]))
    tags = given.get("tags")
    if tags:
        fields["tags"] = [_whole(str(tag)) for tag in ([tags] if isinstance(tags, str) else tags)]


def _place(fields: dict[str, Any], start_us: int, parent: KnownRun | None) -> None:
    """trace_id and dotted_order, as the SDK derives them, as far as this client can know.

    A child of a run that was created elsewhere is sent without: the server derives them.
    """
    if "dotted_order" in fields:
        _place_of_dotted_order(fields)
    elif parent is not None:
        fields.setdefault("trace_id", parent.trace_id)
        fields["dotted_order"] = f"{parent.dotted_order}.{segment(start_us, fields['id'])}"
    elif "parent_run_id" not in fields and fields.get("trace_id") in (None, fields["id"]):
        fields["trace_id"] = fields["id"]
        fields["dotted_order"] = segment(start_us, fields["id"])


def _place_of_dotted_order(fields: dict[str, Any]) -> None:
    """What a dotted order says anyway: the root's id, and the parent's."""
    ids = [part[-36:] for part in fields.get("dotted_order", "").split(".") if len(part) > 36]
    if ids:
        fields.setdefault("trace_id", ids[0])
    if len(ids) > 1:
        fields.setdefault("parent_run_id", ids[-2])


# --- what is out of line


def _payloads(given: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, bytes]:
    payloads: dict[str, bytes] = {}
    for name in OUT_OF_LINE:
        value = given.get(name)
        if name == "extra":
            value = _extra(given, metadata)
        elif name == "error" and isinstance(value, BaseException):
            value = repr(value)
        elif name == "events" and value is not None:
            value = list(value)
        if value is not None:
            payloads[name] = dump_json(value)
    return payloads


def _extra(given: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any] | None:
    extra = given.get("extra")
    metadata = {**more, **(given.get("metadata") or {})}
    if given.get("usage_metadata") is not None:
        metadata["usage_metadata"] = given["usage_metadata"]
    if not metadata:
        return extra
    extra = dict(extra or {})
    extra["metadata"] = {**(extra.get("metadata") or {}), **metadata}
    return extra


def _attached(given: Mapping[str, AttachmentGiven] | None) -> tuple[AttachedFile, ...]:
    """Files are read now, not when they are sent: they may be gone by then."""
    files = []
    for name, pair in (given or {}).items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InvalidArgument(
                f"attachment {name!r}: {type(pair).__name__} is not a pair of MIME type and content"
            )
        mime_type, content = pair
        if "." in name or not name:
            raise InvalidArgument(
                f"attachment {name!r}: names are not empty and have no dots, as LangSmith wants "
                f"them; write {name.replace('.', '_') or 'file'!r}"
            )
        if isinstance(content, Path):
            data = content.read_bytes()
        elif isinstance(content, (bytes, bytearray, memoryview)):
            data = bytes(content)
        else:
            raise InvalidArgument(
                f"attachment {name!r}: {type(content).__name__} is neither bytes nor a Path"
            )
        if len(data) > ATTACHMENT_BYTES_MAX:
            raise InvalidArgument(
                f"attachment {name!r} has {len(data)} bytes, at most {ATTACHMENT_BYTES_MAX} fit"
            )
        files.append(AttachedFile(name, str(mime_type), data))
    return tuple(files)


# --- single values


def _whole(text: str) -> str:
    """Without halves of characters: JSON has no form for them."""
    return text.encode("utf-8", "ignore").decode()


def _id(name: str, value: Any) -> str | None:
    if value is None:
        return None
    try:
        return canonical_id(str(value))
    except ValueError:
        raise InvalidArgument(f"{name}: {value!r} is not a UUID") from None


def _us(name: str, value: Any) -> int:
    """Microseconds since 1970."""
    if isinstance(value, datetime):
        return us_from_datetime(aware(value))
    if isinstance(value, str):
        try:
            return us_from_text(value)
        except ValueError as error:
            raise InvalidArgument(f"{name}: {error}") from None
    raise InvalidArgument(f"{name}: {value!r} is neither a datetime nor ISO-8601 text")
