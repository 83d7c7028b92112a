"""A merged run -> the same run with what follows from it filled in. Knows no other run.

status, thread_id, first_token_us, usage, and ls_run_depth in extra.metadata. Subtree totals need
other runs and are the engine's. Source: docs/wire.md#derived-fields.
"""

from typing import Any

from runstore.model.jsontext import decode, encode
from runstore.model.merge import event_time_us
from runstore.model.prices import Prices, add_costs
from runstore.model.run import STATUSES, JsonText, Run
from runstore.model.usage import Counters
from runstore.model.usage_found import METERED_TYPES, found_usage, has_report

DEPTH_KEY = "ls_run_depth"
THREAD_KEYS = ("session_id", "conversation_id", "thread_id")  # of metadata, the first counts
_UNREAD: Any = object()


class Values:
    """A run's payloads as values, each decoded at most once, when first asked for."""

    __slots__ = ("_extra", "_inputs", "_outputs", "_run")

    def __init__(self, run: Run, *, outputs: Any = _UNREAD, extra: Any = _UNREAD) -> None:
        """`outputs`, `extra`: their values, where the caller has them already."""
        self._run = run
        self._inputs = _UNREAD
        self._outputs = outputs
        self._extra = extra

    @property
    def inputs(self) -> Any:
        if self._inputs is _UNREAD:
            self._inputs = _decoded(self._run.inputs)
        return self._inputs

    @property
    def outputs(self) -> Any:
        if self._outputs is _UNREAD:
            self._outputs = _decoded(self._run.outputs)
        return self._outputs

    @property
    def extra(self) -> Any:
        if self._extra is _UNREAD:
            self._extra = _decoded(self._run.extra)
        return self._extra

    @property
    def metadata(self) -> dict[str, Any]:
        """Empty when there is none; not to be changed."""
        extra = self.extra
        metadata = extra.get("metadata") if extra.__class__ is dict else None
        return metadata if metadata.__class__ is dict else {}


def _decoded(text: JsonText | None) -> Any:
    return None if text is None else decode(text)


def derive(run: Run, prices: Prices, values: Values) -> None:
    """Fill, in place. `values` must be of this run, and tells its `extra` with the depth after."""
    _set_depth(run, values)
    metadata = values.metadata
    run.status = _status(run, metadata)
    run.thread_id = _thread_id(metadata)
    run.first_token_us = _first_token_us(run.events)
    run.usage = _usage(run, values, metadata, prices)


def rederive(run: Run, prices: Prices, values: Values) -> None:
    """`derive` for a run that was derived before a message changed it, if that has left its
    `extra`, its type and its place alone."""
    metadata = values.metadata if _asks_metadata(run, values) else {}
    run.status = _status(run, metadata)
    run.first_token_us = _first_token_us(run.events)
    run.usage = _usage(run, values, metadata, prices)


def _asks_metadata(run: Run, values: Values) -> bool:
    """Whether status or usage may follow from it, which most runs' do not."""
    if run.run_type in METERED_TYPES or has_report(values.outputs):
        return True
    extra = run.extra or b""
    return any(sign in extra for sign in (b"usage_metadata", b"ls_is_error_interrupt", b"\\u00"))


def with_depth(text: JsonText, extra: Any, depth: int) -> JsonText:
    """What `derive` makes of an `extra`, whose value is given and may be changed."""
    metadata = extra.get("metadata") if extra.__class__ is dict else None
    if metadata.__class__ is not dict or DEPTH_KEY in metadata:
        return text
    metadata[DEPTH_KEY] = depth
    return encode(extra)


def _set_depth(run: Run, values: Values) -> None:
    """The server's word: a client's value is replaced. Always the last key, so bytes compare."""
    depth = run.depth
    extra = values.extra
    if extra.__class__ is not dict:
        values._extra = {"metadata": {DEPTH_KEY: depth}}
        run.extra = JsonText(b'{"metadata":{"%s":%d}}' % (DEPTH_KEY.encode(), depth))
        return
    metadata = extra.get("metadata")
    if metadata.__class__ is not dict:
        extra["metadata"] = {DEPTH_KEY: depth}
    else:
        said = metadata.get(DEPTH_KEY)
        if said.__class__ is int and said == depth and next(reversed(metadata)) == DEPTH_KEY:
            return
        metadata.pop(DEPTH_KEY, None)
        metadata[DEPTH_KEY] = depth
    run.extra = encode(extra)


def _status(run: Run, metadata: dict[str, Any]) -> str:
    if run.error:
        return "interrupted" if metadata.get("ls_is_error_interrupt") is True else "error"
    if run.said_status in STATUSES and run.said_status != "pending":
        assert run.said_status is not None
        return run.said_status
    has_ended = run.end_us is not None or run.outputs not in (None, b"{}", b"null")
    return "success" if has_ended else "pending"


def _thread_id(metadata: dict[str, Any]) -> str | None:
    for key in THREAD_KEYS:
        value = metadata.get(key)
        if value.__class__ is str and value:
            return str(value)
        if value.__class__ in (int, float):
            return str(value)
    return None


def _first_token_us(events: JsonText | None) -> int | None:
    # Looked for before decoding: few runs stream, and those that do have many events.
    if events is None or events.find(b"new_token") < 0:
        return None
    decoded = decode(events)
    times = (
        event_time_us(event)
        for event in (decoded if isinstance(decoded, list) else ())
        if isinstance(event, dict) and event.get("name") == "new_token"
    )
    return min((time for time in times if time is not None), default=None)


def _usage(run: Run, values: Values, metadata: dict[str, Any], prices: Prices) -> Counters:
    counters = found_usage(run.run_type, metadata, values.outputs)
    if counters:
        model = _model(values)
        provider = metadata.get("ls_provider")
        price = None
        if model is not None:
            price = prices.price_of(model, provider if isinstance(provider, str) else None)
        add_costs(counters, price)
    return counters


def _model(values: Values) -> str | None:
    """The first that is a text: what LangSmith's SDK says, what was asked for, what answered."""
    extra, outputs = values.extra, values.outputs
    invocation = extra.get("invocation_params") if isinstance(extra, dict) else None
    llm_output = outputs.get("llm_output") if isinstance(outputs, dict) else None
    for holder, keys in (
        (values.metadata, ("ls_model_name",)),
        (invocation, ("model", "model_name")),
        (outputs, ("model", "model_name")),
        (llm_output, ("model_name", "model")),
    ):
        if isinstance(holder, dict):
            for key in keys:
                name = holder.get(key)
                if isinstance(name, str) and name:
                    return name
    return None
