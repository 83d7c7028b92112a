"""Bundle ⇄ the fields a file keeps beside those of the wire. Knows JSON; knows no file format.

session_name   the project's name; null: it has none; not there: the default project
feedback       [record, ...] as GET /feedback has them
attachments    {name: {"mime_type", "sha256", "size"}}, the content in the folder beside the file
"""

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from runstore.client.transfer.attachment_folder import AttachmentFolder
from runstore.client.transfer.bundle import (
    CONTENT,
    AttachedContent,
    Bundle,
    feedback_content,
    id_of,
)
from runstore.client.transfer.ledger import Ledger
from runstore.errors import RunstoreError
from runstore.model.project import DEFAULT_PROJECT

BESIDE = ("session_name", "feedback", "attachments")
_FEEDBACK_IDS = uuid.UUID("6f6a2a50-7c52-4f2a-9c6b-0a4c1f0f7d11")  # of records that come without


def fields_beside(bundle: Bundle, folder: AttachmentFolder, ledger: Ledger) -> dict[str, bytes]:
    """BESIDE as JSON. The attachments are in `folder` when it returns.

    Those that cannot be had are refused in `ledger`.
    """
    kept: dict[str, Any] = {}
    for one in bundle.attachments:
        ledger.attachments.read += 1
        try:
            content = one.read()
        except RunstoreError as error:
            ledger.refuse("attachment", f"{bundle.id}/{one.name}", str(error))
            continue
        about = {"sha256": folder.put(content), "size": len(content)}
        kept[one.name] = {"mime_type": one.mime_type, **about}
        ledger.attachments.written += 1
    ledger.feedback.read += len(bundle.feedback)
    ledger.feedback.written += len(bundle.feedback)
    values = {"session_name": bundle.project, "feedback": bundle.feedback, "attachments": kept}
    return {name: orjson.dumps(value) for name, value in values.items()}


def bundle_from(fields: Mapping[str, bytes], folder: AttachmentFolder) -> Bundle:
    """`fields` of the wire and BESIDE, JSON. Raises ValueError, saying what is wrong."""
    run_id = id_of(fields)
    beside = {}
    for name in BESIDE:
        try:
            beside[name] = orjson.loads(fields.get(name, b"null"))
        except ValueError as error:
            raise ValueError(f"{name}: not JSON: {error}") from None
    project = beside["session_name"]
    if "session_name" not in fields:
        project = DEFAULT_PROJECT
    elif project is not None and not isinstance(project, str):
        raise ValueError(f"session_name: {str(project)[:80]!r} is not text")
    return Bundle(
        run_id,
        {name: fields[name] for name in CONTENT if fields.get(name, b"null") != b"null"},
        project,
        _feedback(run_id, beside["feedback"]),
        _attachments(beside["attachments"], folder),
    )


def _feedback(run_id: str, records: Any) -> list[dict[str, Any]]:
    if records is None:
        return []
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise ValueError("feedback: not a list of objects")
    complete = []
    for record in records:
        said = {name: value for name, value in record.items() if value is not None}
        said.setdefault("run_id", run_id)
        if (
            "id" not in said
        ):  # the same for the same record, so that a second import changes nothing
            text = orjson.dumps(feedback_content(said), option=orjson.OPT_SORT_KEYS).decode()
            said["id"] = str(uuid.uuid5(_FEEDBACK_IDS, text))
        complete.append(said)
    return complete


def _attachments(kept: Any, folder: AttachmentFolder) -> list[AttachedContent]:
    if kept is None:
        return []
    if not isinstance(kept, dict):
        raise ValueError("attachments: not an object")
    found = []
    for name, about in kept.items():
        if not isinstance(about, dict) or not isinstance(about.get("sha256"), str):
            raise ValueError(f"attachments: {name}: no sha256 of a file in {folder.path.name}")
        read = partial(folder.read, about["sha256"])
        found.append(AttachedContent(name, about.get("mime_type"), read))
    return found
