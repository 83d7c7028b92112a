"""What each route takes and answers, besides its method and path. Knows schemas by name alone.

A route of server/app.py without a row here has no place in the document: making it fails, and so
does the test that compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from runstore.errors import (
    Conflict,
    CursorError,
    FilterError,
    InvalidRequest,
    ModelUnavailable,
    NotFound,
    NotTranslated,
    Overloaded,
    QueryBudgetExceeded,
    QueryTooCostly,
    RunstoreError,
    SchemaError,
    StorageError,
    TooLarge,
)
from runstore.wire.schema import asked
from runstore.wire.schema.values import Schema

JSON: Final = "application/json"
Errors = tuple[type[RunstoreError], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`schema` is a component, or "" for what is no JSON; a list of it with `is_list`."""

    schema: str
    media_type: str = JSON
    is_list: bool = False
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """Where an answer leads: to the operation `to`, with `parameters` or `body` taken from it."""

    to: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    tag: str
    summary: str
    answers: Mapping[int, Answer]
    errors: Errors = ()
    body: str = ""  # a component; "": none
    body_type: str = JSON
    params: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)  # of the first answer


_BODY: Final[Errors] = (InvalidRequest, SchemaError, TooLarge)
_STORE: Final[Errors] = (StorageError,)
_WRITE: Final[Errors] = (*_BODY, Overloaded, *_STORE)
_COST: Final[Errors] = (QueryBudgetExceeded, QueryTooCostly)
_FIND: Final[Errors] = (SchemaError, NotFound, Overloaded, *_COST, *_STORE)
_LIST: Final[Errors] = (SchemaError, Overloaded, *_COST, *_STORE)
_FILTERED: Final[Errors] = (*_BODY, FilterError, Overloaded, *_COST, *_STORE)
_QUERY: Final[Errors] = (*_FILTERED, CursorError)

_TRANSLATED: Final[Errors] = (NotTranslated, ModelUnavailable)

_TAKEN: Final = {202: Answer("Taken"), 422: Answer("NothingTaken")}
_EVENTS: Final = {200: Answer("", "text/event-stream", headers=("Runstore-Ignored",))}
_LAST_EVENT: Final = {"Last-Event-ID": asked.TAIL["cursor"]}
_TO_RUN: Final = {"id": "$request.body#/id"}
_RUN_LINKS: Final = {
    "the run": Link("readRun", _TO_RUN),
    "its end": Link("updateRun", _TO_RUN),
    "its page": Link("queryRuns", body={"id": "$request.body#/id"}),
}
_MADE: Final = {"id": "$response.body#/id"}


def _asked(schema: str, *headers: str) -> dict[int, Answer]:
    return {200: Answer(schema, headers=("Runstore-Ignored", *headers))}


# fmt: off
OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/runs"): Operation(
        id="createRun", tag="ingest", summary="Create a run.",
        body="RunCreate", answers=_TAKEN, errors=_WRITE, links=_RUN_LINKS),
    ("PATCH", "/runs/{id}"): Operation(
        id="updateRun", tag="ingest", summary="Add to a run: its end, outputs, error.",
        body="RunUpdate", answers=_TAKEN, errors=_WRITE),
    ("POST", "/runs/batch"): Operation(
        id="ingestBatch", tag="ingest", summary="Create and update runs.",
        body="RunBatch", answers=_TAKEN, errors=_WRITE),
    ("POST", "/runs/multipart"): Operation(
        id="ingestMultipart", tag="ingest", summary="Create and update runs, with attachments.",
        body="RunParts", body_type="multipart/form-data", answers=_TAKEN, errors=_WRITE),
    ("POST", "/runs/query"): Operation(
        id="queryRuns", tag="runs", summary="Find runs, a page at a time.",
        body="RunQuery", answers=_asked("Page", "Runstore-Runs", "Runstore-Next-Cursor"),
        errors=(*_QUERY, *_TRANSLATED),
        links={
            "a run": Link("readRun", {"id": "$response.body#/runs/0/id"}),
            "its trace": Link("queryRuns", body={"trace": "$response.body#/runs/0/trace_id"}),
        }),
    ("POST", "/runs/query/validate"): Operation(
        id="validateQuery", tag="runs", summary="Say what is wrong with a query.",
        body="RunQuery", answers={200: Answer("Validity")}, errors=(*_BODY, Overloaded)),
    ("POST", "/runs/query/explain"): Operation(
        id="explainQuery", tag="runs", summary="Run a query, and say how it went.",
        body="RunQuery", answers=_asked("Explanation"),
        errors=(*_QUERY, *_TRANSLATED)),
    ("POST", "/runs/stats"): Operation(
        id="countUpRuns", tag="runs", summary="Figures over runs, in one or by group.",
        body="StatsQuery", answers=_asked("StatsOrGroups", "Runstore-Parsed-Query"),
        errors=(*_FILTERED, *_TRANSLATED)),
    ("POST", "/runs/delete"): Operation(
        id="deleteTraces", tag="runs", summary="Delete whole traces.",
        body="Traces", answers={200: Answer("Deleted")}, errors=_WRITE),
    ("POST", "/runs/tail"): Operation(
        id="tailRuns", tag="runs", summary="Follow runs as they arrive or end.",
        body="Tail", answers=_EVENTS, errors=_QUERY, headers=_LAST_EVENT),
    ("GET", "/runs/tail"): Operation(
        id="tailRunsByUrl", tag="runs", summary="The same, for EventSource and curl.",
        params=asked.tail_params(), answers=_EVENTS, errors=_QUERY, headers=_LAST_EVENT),
    ("GET", "/runs/{id}"): Operation(
        id="readRun", tag="runs", summary="One run.",
        params=asked.EXCLUDE_SERIALIZED, answers={200: Answer("WholeRun")}, errors=_FIND,
        links={
            "its project": Link("readProject", {"id": "$response.body#/session_id"}),
            "feedback on it": Link("createFeedback", body={
                "key": "linked", "score": 1, "run_id": "$response.body#/id"}),
        }),
    ("POST", "/feedback"): Operation(
        id="createFeedback", tag="feedback", summary="Say something about a run.",
        body="FeedbackCreate", answers={200: Answer("Feedback")}, errors=_WRITE,
        links={
            "read it": Link("readFeedback", _MADE),
            "change it": Link("updateFeedback", _MADE),
            "delete it": Link("deleteFeedback", _MADE),
        }),
    ("GET", "/feedback"): Operation(
        id="listFeedback", tag="feedback", summary="Feedback, newest first.",
        params=asked.FEEDBACK_PARAMS, answers={200: Answer("Feedback", is_list=True)},
        errors=_LIST, links={"the first": Link("readFeedback", {"id": "$response.body#/0/id"})}),
    ("GET", "/feedback/{id}"): Operation(
        id="readFeedback", tag="feedback", summary="One record.",
        answers={200: Answer("Feedback")}, errors=_FIND),
    ("PATCH", "/feedback/{id}"): Operation(
        id="updateFeedback", tag="feedback", summary="Change a record; null clears.",
        body="FeedbackUpdate", answers={200: Answer("Feedback")}, errors=(*_WRITE, NotFound)),
    ("DELETE", "/feedback/{id}"): Operation(
        id="deleteFeedback", tag="feedback", summary="Delete a record.",
        answers={200: Answer("Nothing")}, errors=(SchemaError, NotFound, Overloaded, *_STORE)),
    ("POST", "/sessions"): Operation(
        id="createProject", tag="projects", summary="Create a project.",
        body="ProjectCreate", params=asked.UPSERT, answers={200: Answer("Project")},
        errors=(*_WRITE, Conflict),
        links={
            "read it": Link("readProject", _MADE),
            "change it": Link("updateProject", _MADE),
            "delete it": Link("deleteProject", _MADE),
            "its runs": Link("queryRuns", body={"session": "$response.body#/id"}),
            "its figures": Link("countUpRuns", body={"session": "$response.body#/id"}),
        }),
    ("GET", "/sessions"): Operation(
        id="listProjects", tag="projects", summary="Projects, newest first.",
        params=asked.PROJECT_PARAMS, errors=_LIST,
        answers={200: Answer("Project", is_list=True, headers=("X-Pagination-Total",))},
        links={"the first": Link("readProject", {"id": "$response.body#/0/id"})}),
    ("GET", "/sessions/{id}"): Operation(
        id="readProject", tag="projects", summary="One project.",
        params=asked.INCLUDE_STATS, answers={200: Answer("Project")}, errors=_FIND,
        links={"its runs": Link("queryRuns", body={"session": "$response.body#/id"})}),
    ("PATCH", "/sessions/{id}"): Operation(
        id="updateProject", tag="projects", summary="Change a project; null is as it is.",
        body="ProjectUpdate", answers={200: Answer("Project")},
        errors=(*_WRITE, NotFound, Conflict)),
    ("DELETE", "/sessions/{id}"): Operation(
        id="deleteProject", tag="projects", summary="Delete a project and its runs.",
        answers={202: Answer("Nothing")}, errors=(SchemaError, NotFound, Overloaded, *_STORE)),
    ("GET", "/attachments/{token}"): Operation(
        id="readAttachment", tag="runs", summary="The bytes of an attachment, or a range of them.",
        answers={200: Answer("", "*/*"), 206: Answer("", "*/*"), 416: Answer("", "text/plain")},
        errors=(NotFound, *_STORE)),
    ("GET", "/info"): Operation(
        id="info", tag="server", summary="What this server is and takes.",
        answers={200: Answer("Info")}),
    ("GET", "/health"): Operation(
        id="health", tag="server", summary="Whether the process answers.",
        answers={200: Answer("Health")}),
    ("GET", "/ok"): Operation(
        id="ok", tag="server", summary="The same.", answers={200: Answer("Health")}),
    ("GET", "/ready"): Operation(
        id="ready", tag="server", summary="Whether runs are taken.",
        answers={200: Answer("Ready"), 503: Answer("Unready")}),
    ("GET", "/metrics"): Operation(
        id="metrics", tag="server", summary="Figures for Prometheus.",
        answers={200: Answer("", "text/plain")}),
    ("GET", "/openapi.json"): Operation(
        id="openapi", tag="server", summary="This document.",
        answers={200: Answer("Document")}),
    ("GET", "/docs"): Operation(
        id="docs", tag="server", summary="This document, for people.",
        answers={200: Answer("", "text/html")}),
}
# fmt: on
