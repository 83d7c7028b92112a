"""Bytes of an answer -> Run objects that decode what is touched. Knows the wire; knows no I/O.

A page is scanned once and cut into the JSON of its runs; a run's fields are found when the first of
them is read, and each is converted when it is read itself, once. Measured with runs of 6 kB: 4 us a
run to go through a page, 9 more when the first field of a run is read, 1 for each further one.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

import msgspec
import orjson

from runstore.client.attachments import Attachment, Fetch, attachments_of
from runstore.client.http import HandedPage
from runstore.client.record import RECORD, HandedRecord, Record
from runstore.errors import UnexpectedAnswer
from runstore.model.times import datetime_from_us


class Run:
    """One run. Has every field and property of `langsmith.schemas.Run`, and some that lacks.

    Ids are UUIDs, times are aware and in UTC, costs are exact Decimals in US dollars. Fields that
    `select` left out have the value the SDK gives them: None, but {} for `inputs` and
    `attachments`, and {"metadata": {}} for `extra`. Fields may be assigned.
    """

    # The fields, in the order of the SDK's model_dump().
    id: UUID
    name: str
    start_time: datetime
    run_type: str
    end_time: datetime | None
    extra: dict[str, Any] | None
    error: str | None
    serialized: dict[str, Any] | None
    events: list[dict[str, Any]] | None
    inputs: dict[str, Any]
    outputs: dict[str, Any] | None
    reference_example_id: UUID | None
    parent_run_id: UUID | None
    tags: list[str] | None
    attachments: dict[str, Attachment]
    session_id: UUID | None
    child_run_ids: list[UUID] | None
    child_runs: "list[Run] | None"
    feedback_stats: dict[str, Any] | None
    app_path: str | None
    manifest_id: UUID | None
    status: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    prompt_token_details: dict[str, int] | None
    completion_token_details: dict[str, int] | None
    first_token_time: datetime | None
    total_cost: Decimal | None
    prompt_cost: Decimal | None
    completion_cost: Decimal | None
    prompt_cost_details: dict[str, Decimal] | None
    completion_cost_details: dict[str, Decimal] | None
    parent_run_ids: list[UUID] | None
    trace_id: UUID
    dotted_order: str
    in_dataset: bool | None
    # Fields of the wire that the SDK drops.
    thread_id: str | None
    reference_dataset_id: UUID | None
    trace_first_received_at: datetime | None
    direct_child_run_ids: list[UUID] | None
    share_token: UUID | None
    price_model_id: UUID | None
    trace_tier: str | None
    ttl_seconds: int | None
    trace_upgrade: bool | None
    last_queued_at: datetime | None
    inserted_at: datetime | None
    trace_min_start_time: datetime | None
    trace_max_start_time: datetime | None
    inputs_preview: str | None
    outputs_preview: str | None
    messages: list[dict[str, Any]] | None

    __slots__ = ("__dict__", "_fetch", "_host_url", "_json", "_number")

    def __init__(
        self,
        json: bytes | HandedPage,
        host_url: str | None = None,
        fetch: Fetch | None = None,
        number: int = 0,
    ) -> None:
        """`json` is one run as the wire has it, or the page whose run it is, by its `number`.

        A wrong field raises when it is read.
        """
        self._json = json
        self._host_url = host_url
        self._fetch = fetch
        self._number = number

    if not TYPE_CHECKING:  # a type checker knows the fields from above, and so sees a wrong name

        def __getattr__(self, name: str) -> Any:
            """A field that is read for the first time; from then on it lies in __dict__."""
            if name not in _READ:
                raise AttributeError(f"'Run' object has no attribute {name!r}", name=name, obj=self)
            value = self.__dict__[name] = self._read(name)
            return value

    def _read(self, name: str) -> Any:
        """The field as it came, converted."""
        try:
            return _READ[name](self, self._record())
        except (msgspec.MsgspecError, ValueError, TypeError, ArithmeticError) as error:
            raise UnexpectedAnswer(f"run: {name}: {error}") from error

    def _record(self) -> Record:
        """The fields, found once."""
        found = self.__dict__.get("_found")
        if found is None:
            found = self.__dict__["_found"] = (
                RECORD.decode(self._json)
                if isinstance(self._json, bytes)
                else cast(Record, HandedRecord(self._json, self._number))
            )
        return found

    @property
    def raw_json(self) -> bytes:
        """The run as it came, JSON. Assignments do not change it."""
        if not isinstance(self._json, bytes):
            self._json = self._json.run_json(self._number)
        return self._json

    @property
    def metadata(self) -> dict[str, Any]:
        """`extra["metadata"]`, made if there is none."""
        if self.extra is None:
            self.extra = {}
        found: dict[str, Any] = self.extra.setdefault("metadata", {})
        return found

    @property
    def revision_id(self) -> Any:
        return self.metadata.get("revision_id")

    @property
    def latency(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return None if self.end_time is None else (self.end_time - self.start_time).total_seconds()

    @property
    def url(self) -> str | None:
        """Where a user interface shows it. None when the target is a folder."""
        return f"{self._host_url}{self.app_path}" if self._host_url and self.app_path else None

    @property
    def input_tokens(self) -> int | None:
        return self.prompt_tokens

    @property
    def output_tokens(self) -> int | None:
        return self.completion_tokens

    @property
    def input_cost(self) -> Decimal | None:
        """US dollars."""
        return self.prompt_cost

    @property
    def output_cost(self) -> Decimal | None:
        """US dollars."""
        return self.completion_cost

    @property
    def input_token_details(self) -> dict[str, int] | None:
        return self.prompt_token_details

    @property
    def output_token_details(self) -> dict[str, int] | None:
        return self.completion_token_details

    @property
    def input_cost_details(self) -> dict[str, Decimal] | None:
        return self.prompt_cost_details

    @property
    def output_cost_details(self) -> dict[str, Decimal] | None:
        return self.completion_cost_details

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """{field: value}: the fields of the SDK's Run in its order, then `thread_id` and the like.

        mode "json": ids, times and costs are text. Children are dumped too.
        """
        names = FIELDS if include is None else _known(include)
        left_out = frozenset(() if exclude is None else _known(exclude))
        is_json = mode == "json"
        fields = {name: self._dump(name, is_json) for name in names if name not in left_out}
        if exclude_none:
            return {name: value for name, value in fields.items() if value is not None}
        return fields

    def _dump(self, name: str, is_json: bool) -> Any:
        """Of its own: who changes it does not change the run. Decodes anew what nobody touched."""
        if name in self.__dict__:
            return _dumped(self.__dict__[name], is_json)
        value = self._read(name)
        return value if name in _PAYLOADS else _dumped(value, is_json)

    def model_dump_json(self, **options: Any) -> str:
        """`model_dump(mode="json", ...)` as text."""
        return orjson.dumps(self.model_dump(mode="json", **options)).decode()

    def __eq__(self, other: object) -> bool:
        """Whether all fields of `model_dump()` are equal."""
        return self.model_dump() == other.model_dump() if isinstance(other, Run) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # fields may be assigned

    def __repr__(self) -> str:
        return (
            f"Run(id={str(self.id)!r}, name={self.name!r}, run_type={self.run_type!r}, "
            f"status={self.status!r}, start_time={self.start_time.isoformat()!r})"
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_READ})

    def __getstate__(self) -> tuple[bytes, str | None, dict[str, Any]]:
        """Without the connection, and without what can be found again."""
        touched = {name: value for name, value in self.__dict__.items() if name != "_found"}
        return self.raw_json, self._host_url, touched

    def __setstate__(self, state: tuple[bytes, str | None, dict[str, Any]]) -> None:
        self._json, self._host_url, touched = state
        self._fetch = None
        self.__dict__.update(touched)


def decode_run(body: bytes, *, host_url: str | None = None, fetch: Fetch | None = None) -> Run:
    """An answer of GET /runs/{id}. Raises UnexpectedAnswer when it is none."""
    run = Run(body, host_url=host_url, fetch=fetch)
    try:
        run._record()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"not a run: {error}") from error
    return run


# --- what a field becomes when it is read


def time_from(said: str | int | None) -> datetime | None:
    """ISO text, or microseconds since 1970 -> aware, in UTC.

    LangSmith writes times without a zone and means UTC.
    """
    if said is None:
        return None
    if isinstance(said, int):
        return datetime_from_us(said)
    time = datetime.fromisoformat(said)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _json(raw: msgspec.Raw) -> Any:
    return orjson.loads(memoryview(raw)) if raw else None


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _texts(texts: list[str] | None) -> list[str] | None:
    return None if texts is None else list(texts)  # the page may have another such run


def _uuids(texts: list[str] | None) -> list[UUID] | None:
    return None if texts is None else [UUID(one) for one in texts]


def _cost(raw: msgspec.Raw | str | None) -> Decimal | None:
    """v1 says costs in quotes, v2 as numbers; both exactly as they are written."""
    if isinstance(raw, str):
        return Decimal(raw)
    text = bytes(raw).decode().strip('"') if raw else "null"
    return None if text == "null" else Decimal(text)


def _costs(raw: msgspec.Raw) -> dict[str, Decimal] | None:
    found = _COSTS.decode(raw) if raw else None
    return None if found is None else {key: _cost(one) or Decimal(0) for key, one in found.items()}


def _start(record: Record) -> datetime:
    start = time_from(record.start_time)
    if start is None:
        raise ValueError("missing")
    return start


def _order(run: Run, record: Record) -> str:
    order = record.dotted_order or ""
    if order.strip() or record.parent_run_id:
        return order
    return f"{run.start_time.isoformat()}{run.id}"  # as the SDK makes up one


def _dumped(value: Any, is_json: bool) -> Any:
    """What model_dump() shows of a value."""
    if isinstance(value, Run):
        return value.model_dump(mode="json" if is_json else "python")
    if isinstance(value, Attachment):
        return {"presigned_url": value.presigned_url, "mime_type": value.mime_type}
    if isinstance(value, list):
        return [_dumped(one, is_json) for one in value]
    if isinstance(value, dict):
        return {key: _dumped(one, is_json) for key, one in value.items()}
    if is_json and isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if is_json and isinstance(value, UUID | Decimal):
        return str(value)
    return value


def _known(names: Iterable[str]) -> list[str]:
    known = list(names)
    for name in known:
        if name not in _READ:
            raise ValueError(f"{name!r} is not a field of Run")
    return known


_PAYLOADS = frozenset(  # nothing but JSON in them
    {"inputs", "outputs", "extra", "events", "serialized", "messages", "feedback_stats"}
)
_COSTS = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_Read = Callable[[Run, Record], Any]
# fmt: off
_SPECIAL: dict[str, _Read] = {
    "id":           lambda run, record: UUID(record.id),
    "name":         lambda run, record: record.name or "",
    "run_type":     lambda run, record: record.run_type or "",
    "start_time":   lambda run, record: _start(record),
    "trace_id":     lambda run, record: UUID(record.trace_id or record.id),
    "dotted_order": _order,
    "inputs":       lambda run, record: _json(record.inputs) or {},
    "extra":        lambda run, record: _json(record.extra) if record.extra else {"metadata": {}},
    "attachments":  lambda run, record: attachments_of(_json(record.s3_urls), run._fetch),
    "child_runs":   lambda run, record: None,
}
_KINDS: dict[Callable[[Any], Any], tuple[str, ...]] = {
    _uuid: ("reference_example_id", "parent_run_id", "session_id", "manifest_id",
            "reference_dataset_id", "share_token", "price_model_id"),
    _texts: ("tags",),
    _uuids: ("child_run_ids", "parent_run_ids", "direct_child_run_ids"),
    time_from: ("end_time", "first_token_time", "trace_first_received_at", "last_queued_at",
                "inserted_at", "trace_min_start_time", "trace_max_start_time"),
    _json: ("serialized", "events", "outputs", "feedback_stats", "prompt_token_details",
            "completion_token_details", "messages"),
    _cost: ("total_cost", "prompt_cost", "completion_cost"),
    _costs: ("prompt_cost_details", "completion_cost_details"),
}
# fmt: on


def _reader(name: str, convert: Callable[[Any], Any] | None) -> _Read:
    if convert is None:
        return lambda run, record: getattr(record, name)
    return lambda run, record: convert(getattr(record, name))


def _readers() -> dict[str, _Read]:
    """Every annotated field of Run, in its order. What no table names is read as it is."""
    converts = {name: convert for convert, names in _KINDS.items() for name in names}
    return {
        name: _SPECIAL.get(name) or _reader(name, converts.get(name))
        for name in Run.__annotations__
    }


_READ = _readers()
FIELDS = tuple(_READ)
