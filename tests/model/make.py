"""Short names for runs of tests: number -> id, creates and patches with a sound dotted order."""

from typing import Any

import orjson

from runstore.model.dotted_order import segment
from runstore.model.feedback import Feedback
from runstore.model.run import Attachment, JsonText, RunMessage

T0 = 1_700_000_000_000_000  # us; every test's time begins here
S = 1_000_000  # us


def rid(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


def json(value: Any) -> JsonText:
    return JsonText(orjson.dumps(value))


def order(*numbers: int, start_us: int = T0) -> str:
    """The dotted order that names these runs, root first; all of the same start."""
    return ".".join(segment(start_us, rid(number)) for number in numbers)


def create(*path: int, **said: Any) -> RunMessage:
    """A create of the last run of `path` (root first), all identity said; JSON given as values."""
    return _message(path, False, {"start_us": T0, "name": f"run {path[-1]}"} | said)


def patch(*path: int, **said: Any) -> RunMessage:
    return _message(path, True, said)


def bare(number: int, *, is_patch: bool = False, **said: Any) -> RunMessage:
    """A message that says nothing of its place but what is given."""
    return RunMessage(id=rid(number), is_patch=is_patch, **_encoded(said))


def _message(path: tuple[int, ...], is_patch: bool, said: dict[str, Any]) -> RunMessage:
    start_us = said.get("start_us", T0)
    identity = {
        "trace_id": rid(path[0]),
        "parent_run_id": rid(path[-2]) if len(path) > 1 else None,
        "dotted_order": order(*path, start_us=start_us),
    }
    return RunMessage(id=rid(path[-1]), is_patch=is_patch, **(identity | _encoded(said)))


def _encoded(said: dict[str, Any]) -> dict[str, Any]:
    payloads = ("inputs", "outputs", "extra", "events", "serialized")
    return {
        key: json(value) if key in payloads and value is not None else value
        for key, value in said.items()
    }


def record(number: int, key: str = "k", **said: Any) -> Feedback:
    """A feedback record; the higher the number the newer."""
    values: dict[str, Any] = {"id": rid(number), "key": key, "created_us": T0 + number} | said
    for name in ("value", "source", "extra", "correction"):
        if name in said:
            values[name] = json(said[name])
    return Feedback(**values)


def attachment(name: str, content: str = "0") -> Attachment:
    return Attachment(name=name, sha256=content * 64, mime_type="text/plain", size=len(content))
