"""A run as an answer holds it, scanned but not converted. Knows the wire's JSON; knows no caller.

`SCAN` finds the runs of a page and leaves each as the JSON it is; `RECORD` finds a run's fields and
leaves the large ones as JSON. What a field becomes for its reader is in run.py and frames.py.
"""

from typing import Any, Generic, TypeVar

import msgspec

from runstore.client.http import HandedPage
from runstore.model.jsontext import valid_json

T = TypeVar("T")
ABSENT = msgspec.Raw(b"")  # the answer did not have this field


class Page(msgspec.Struct, gc=False):
    """POST /runs/query. Unknown fields are skipped."""

    runs: list[msgspec.Raw]
    cursors: dict[str, str | None] | None = None
    search_cursors: msgspec.Raw = ABSENT
    parsed_query: str | None = None

    def cursor(self, name: str) -> str | None:
        """ "next" or "prev"; an empty one is none."""
        return (self.cursors or {}).get(name) or None


class End(msgspec.Struct, gc=False):
    """What follows the runs in an answer of POST /runs/query."""

    cursors: dict[str, str | None] | None = None
    parsed_query: str | None = None
    runs: msgspec.Raw = ABSENT


class Record(msgspec.Struct, gc=False):
    """Names are the wire's. Times and ids are text, costs and payloads JSON until asked for.

    In the order in which Runstore answers: the decoder looks for the next name after the last.
    """

    id: str
    name: str | None = None
    run_type: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    status: str | None = None
    error: str | None = None
    extra: msgspec.Raw = ABSENT
    events: msgspec.Raw = ABSENT
    inputs: msgspec.Raw = ABSENT
    inputs_preview: str | None = None
    outputs: msgspec.Raw = ABSENT
    outputs_preview: str | None = None
    parent_run_id: str | None = None
    session_id: str | None = None
    serialized: msgspec.Raw = ABSENT
    reference_example_id: str | None = None
    first_token_time: str | None = None
    trace_id: str | None = None
    dotted_order: str | None = None
    parent_run_ids: list[str] | None = None
    tags: list[str] | None = None
    app_path: str | None = None
    trace_first_received_at: str | None = None
    thread_id: str | None = None
    inserted_at: str | None = None
    manifest_id: str | None = None
    reference_dataset_id: str | None = None
    price_model_id: str | None = None
    last_queued_at: str | None = None
    in_dataset: bool | None = None
    share_token: str | None = None
    trace_tier: str | None = None
    ttl_seconds: int | None = None
    trace_upgrade: bool | None = None
    messages: msgspec.Raw = ABSENT
    trace_min_start_time: str | None = None
    trace_max_start_time: str | None = None
    execution_order: int | None = None
    total_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_cost: msgspec.Raw = ABSENT
    prompt_cost: msgspec.Raw = ABSENT
    completion_cost: msgspec.Raw = ABSENT
    prompt_token_details: msgspec.Raw = ABSENT
    completion_token_details: msgspec.Raw = ABSENT
    prompt_cost_details: msgspec.Raw = ABSENT
    completion_cost_details: msgspec.Raw = ABSENT
    feedback_stats: msgspec.Raw = ABSENT
    child_run_ids: list[str] | None = None
    direct_child_run_ids: list[str] | None = None
    s3_urls: msgspec.Raw = ABSENT


class HandedRecord:
    """As a Record, of a page from this process: a field is made when it is read.

    Times are microseconds since 1970, costs their text.
    """

    __slots__ = ("_at", "_values")

    def __init__(self, page: HandedPage, number: int) -> None:
        columns, self._at = page.place(number)
        self._values = columns.values

    def __getattr__(self, name: str) -> Any:
        return self._values(name)[self._at]


class Lenient(Generic[T]):
    """A decoder that also reads what our own servers mend: half characters, NaN, Infinity."""

    def __init__(self, kind: type[T]) -> None:
        self._strict = msgspec.json.Decoder(kind)

    def decode(self, text: bytes) -> T:
        """Raises msgspec.DecodeError or UnicodeDecodeError."""
        try:
            return self._strict.decode(text)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            try:
                mended, _ = valid_json(text)
            except ValueError:
                raise error from None
            return self._strict.decode(mended)


def end_of(body: bytes) -> End | None:
    """The end of an answer with runs, found without reading them; None: it has to be read.

    What begins at the last `"cursors"` and is a whole object by itself is the end of the outermost
    one: the quotes in a text are escaped, and an inner object does not close last.
    """
    at = body.rfind(_BEFORE_END)
    if at < 0 or not body.startswith(_BEGINNING):
        return None
    try:
        end = _END.decode(b"{" + body[at + 2 :])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if end.runs else end


_BEGINNING = b'{"runs":[{'
_BEFORE_END = b'],"cursors":'
_END = msgspec.json.Decoder(End)
SCAN = Lenient(Page)
RECORD = Lenient(Record)
