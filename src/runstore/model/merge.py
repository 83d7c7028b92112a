"""Run so far + one message -> the run after it. Knows what was said; derives only its place.

A create fills what nobody has said yet, a patch overwrites with what it says, None says nothing.
So a create and its patches add up to the same run in every order, and repeats change nothing.
Among patches the later arrival wins. Source: docs/decisions/0006-merge.md.

    project, trace_id, parent_run_id, dotted_order   the first create's word beats patches' words
    extra, extra.metadata                            key by key
    tags, events                                     union, the first create's first
    attachments                                      by name
    anything else                                    as a whole

Payloads are decoded only where two messages said one that merges inside.
"""

from copy import copy
from typing import Any, TypeVar

import orjson

from runstore.model.dotted_order import segment_start_us
from runstore.model.identity import Place, Said, derived_identity, said_identity
from runstore.model.jsontext import decode, encode
from runstore.model.run import Attachment, JsonText, Run, RunMessage
from runstore.model.times import START_US_MIN, us_from_epoch_ms, us_from_text

T = TypeVar("T")
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def merge(run: Run | None, message: RunMessage, now_us: int, project_id: str | None = None) -> Run:
    """A new Run; `run` stays as it is. `derive` has still to be called on the result.

    `project_id` is the project the message names, by id or by name, as the engine knows it.
    When the result is provisional and has a parent, that is still to be looked up: see
    model/identity.py. Raises ValueError, saying why, for a message that cannot be placed.
    """
    if project_id is None:
        project_id = message.project_id
    if run is None:
        return _first(message, now_us, project_id)
    return _next(run, message, project_id)


def _first(message: RunMessage, now_us: int, project_id: str | None) -> Run:
    said = said_identity(message)
    start_us = message.start_us
    if start_us is None:
        start_us = segment_start_us(said.dotted_order) if isinstance(said, Place) else now_us
    place = said if isinstance(said, Place) else derived_identity(message.id, said, start_us)
    run = Run(message.id, place.trace_id, place.dotted_order, start_us)
    run.parent_run_id = place.parent_run_id
    run.project_id = project_id
    run.name = message.name
    run.run_type = message.run_type
    run.end_us = message.end_us
    run.error = message.error or None
    if message.tags:
        run.tags = tuple(dict.fromkeys(message.tags))
    run.reference_example_id = message.reference_example_id
    run.received_us = now_us
    run.has_create = not message.is_patch
    run.provisional = place is not said
    run.start_guessed = message.start_us is None
    run.said_status = message.status
    run.inputs = message.inputs
    run.outputs = message.outputs
    run.extra = message.extra
    run.events = message.events
    run.serialized = message.serialized
    if message.attachments:
        run.attachments = _attachments((), message.attachments, over=True)
    return run


def _next(run: Run, message: RunMessage, project_id: str | None) -> Run:
    # A create speaks before all patches, whenever it comes; a second create comes after them.
    over = message.is_patch
    leads = not message.is_patch and not run.has_create
    start_us, guessed = _start(run, message, over)
    said = _said(run, message, leads)
    if isinstance(said, Place):
        place = said
        if guessed:
            start_us = segment_start_us(place.dotted_order)
    else:
        place = derived_identity(run.id, said, start_us)
    have_project = run.project_id
    if leads or not run.has_create:
        have_project = project_id or have_project
    made = copy(run)
    made.trace_id, made.parent_run_id, made.dotted_order = place
    made.start_us = start_us
    made.project_id = have_project or project_id
    made.name = _pick(run.name, message.name, over)
    made.run_type = _pick(run.run_type, message.run_type, over)
    made.end_us = _pick(run.end_us, message.end_us, over)
    made.error = _pick(run.error, message.error or None, over)
    made.tags = _tags(run.tags, message.tags, leads)
    made.reference_example_id = _pick(run.reference_example_id, message.reference_example_id, over)
    made.has_create = run.has_create or not message.is_patch
    made.provisional = place is not said
    made.start_guessed = guessed
    made.said_status = _pick(run.said_status, message.status, over)
    if message.inputs != run.inputs:  # most patches repeat them: what was made of them is known
        made.inputs = _pick(run.inputs, message.inputs, over)
    made.outputs = _pick(run.outputs, message.outputs, over)
    made.extra = _extra(run.extra, message.extra, over)
    made.events = _events(run.events, message.events, leads)
    made.serialized = _pick(run.serialized, message.serialized, over)
    made.attachments = _attachments(run.attachments, message.attachments, over, leads)
    return made


def _pick(have: T | None, said: T | None, over: bool) -> T | None:
    if said is None or (have is not None and not over):
        return have
    return said


def _start(run: Run, message: RunMessage, over: bool) -> tuple[int, bool]:
    """The start, and whether nobody has said it yet."""
    if message.start_us is not None and (over or run.start_guessed):
        return message.start_us, False
    return run.start_us, run.start_guessed


def _said(run: Run, message: RunMessage, leads: bool) -> Place | Said:
    """Both words about the run's place: a Said when neither had its dotted order."""
    if message.dotted_order == run.dotted_order or (run.has_create and not run.provisional):
        # Also: the place of a run that is known well is not lost to a later, damaged word.
        return Place(run.trace_id, run.parent_run_id, run.dotted_order)
    said = said_identity(message)
    if isinstance(said, Place):
        return said
    if not run.provisional:
        return Place(run.trace_id, run.parent_run_id, run.dotted_order)
    have = Said(run.trace_id, run.parent_run_id)
    if run.is_root:
        have = Said(None, None)
    elif run.has_create and run.trace_id == run.parent_run_id:
        # One of the two was said, and `derived_identity` put it in the other's place too.
        another = said.parent_run_id not in (None, run.parent_run_id)
        have = have._replace(parent_run_id=None) if another else have._replace(trace_id=None)
    first, second = (have, said) if run.has_create and not leads else (said, have)
    return Said(
        second.trace_id if first.trace_id in (None, run.id) else first.trace_id,
        first.parent_run_id or second.parent_run_id,
    )


def _tags(have: tuple[str, ...], said: tuple[str, ...] | None, leads: bool) -> tuple[str, ...]:
    if not said or said == have:
        return have
    return tuple(dict.fromkeys(said + have if leads else have + said))


def _attachments(
    have: tuple[Attachment, ...], said: tuple[Attachment, ...], over: bool, leads: bool = False
) -> tuple[Attachment, ...]:
    if not said or said == have:
        return have
    old = {attachment.name: attachment for attachment in have}
    new = {attachment.name: attachment for attachment in said}
    # The left side of | gives the order, the right side what stands under a shared name.
    merged = old | new if over else new | old if leads else old | new | old
    return tuple(merged.values())


def _extra(have: JsonText | None, said: JsonText | None, over: bool) -> JsonText | None:
    if have is None or said is None or said == have:
        return said if have is None else have
    under, top = decode(have), decode(said)
    if not isinstance(under, dict) or not isinstance(top, dict):
        return said if over else have
    if not over:
        under, top = top, under
    merged = _by_key(under, top)
    metadata = merged.pop("metadata", None)
    if metadata is not None:
        have_metadata, more = under.get("metadata"), top.get("metadata")
        if isinstance(have_metadata, dict) and isinstance(more, dict):
            metadata = _by_key(have_metadata, more)
        merged["metadata"] = metadata  # last, as `derive` adds it: the bytes know no order either
    text = encode(merged)
    return have if text == have else text  # the very object: what was made of it is known


def _by_key(under: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """All keys of both; a null only where neither says more."""
    said = {key: value for key, value in top.items() if value is not None or key not in under}
    return under | said


def _events(have: JsonText | None, said: JsonText | None, leads: bool) -> JsonText | None:
    """Union. Events with a time come first, by time; those without keep their order after them.

    That rule, unlike "sort when all have a time", gives one result whatever came first.
    """
    if have is None or said is None or said == have:
        return said if have is None else have
    if said.startswith(have[:-1] + b",") and _is_in_order(said):
        return said  # a patch tells the events so far again, and those since
    older, newer = decode(have), decode(said)
    if not isinstance(older, list) or not isinstance(newer, list):
        return have if isinstance(older, list) or not isinstance(newer, list) else said
    if leads:
        older, newer = newer, older
    distinct: dict[bytes, Any] = {}
    for event in older + newer:
        distinct.setdefault(orjson.dumps(event, option=_CANONICAL), event)
    timed = []
    untimed = []
    for event in distinct.values():
        time_us = event_time_us(event)
        if time_us is None:
            untimed.append(event)
        else:
            timed.append((time_us, event))
    timed.sort(key=lambda pair: pair[0])
    return encode([event for _, event in timed] + untimed)


def _is_in_order(text: JsonText) -> bool:
    """Whether these are events as a union of them with some of them would be written."""
    events = decode(text)
    if not isinstance(events, list):
        return False
    last = START_US_MIN - 1
    for event in events:
        time_us = event_time_us(event)
        if time_us is None or time_us <= last:
            return False
        last = time_us
    return encode(events) == text


def event_time_us(event: object) -> int | None:
    """When an event says it happened; None if it does not say, or not as a time."""
    time = event.get("time") if isinstance(event, dict) else None
    try:
        if isinstance(time, str):
            return us_from_text(time)
        if isinstance(time, (int, float)) and not isinstance(time, bool):
            return us_from_epoch_ms(time)
    except (ValueError, OverflowError):
        pass
    return None
