"""The fields a filter may name: the one table check, docs and the UI read."""

from enum import Enum
from typing import NamedTuple

ORDER = ("gt", "gte", "lt", "lte")
EQUAL = ("eq", "neq", "in", "nin")
TEXTUAL = ("like", "notlike", "regex")


class Kind(Enum):
    """What the values of a field are."""

    TEXT = "text"
    UUID = "id"
    BOOL = "boolean"
    TIME = "time"
    DURATION = "duration"
    TOKENS = "tokens"
    COST = "cost"
    TAGS = "tags"
    PAYLOAD = "JSON object"
    PATH = "JSON value"
    KEY_SCORE = "number"
    ENTRY_KEY = "text of an entry"
    ENTRY_VALUE = "JSON value of an entry"
    ENTRY_SCORE = "number of an entry"
    ENTRY_TEXT = "optional text of an entry"


# fmt: off
FUNCTIONS_OF = {
    Kind.TEXT:        (*EQUAL, *ORDER, *TEXTUAL, "exists"),
    Kind.UUID:        (*EQUAL, "exists"),
    Kind.BOOL:        ("eq", "neq", "exists"),
    Kind.TIME:        (*EQUAL, *ORDER, "exists"),
    Kind.DURATION:    (*EQUAL, *ORDER, "exists"),
    Kind.TOKENS:      (*EQUAL, *ORDER, "exists"),
    Kind.COST:        (*EQUAL, *ORDER, "exists"),
    Kind.TAGS:        ("has", *EQUAL, *TEXTUAL, "exists"),
    Kind.PAYLOAD:     ("has", *TEXTUAL, "exists"),  # and eq, neq with null
    Kind.PATH:        (*EQUAL, *ORDER, *TEXTUAL, "exists"),
    Kind.KEY_SCORE:   (*EQUAL, *ORDER, "exists"),
    Kind.ENTRY_KEY:   ("has", *EQUAL, *TEXTUAL, "exists"),
    Kind.ENTRY_VALUE: (*EQUAL, *ORDER, *TEXTUAL, "exists"),
    Kind.ENTRY_SCORE: (*EQUAL, *ORDER, "exists"),
    Kind.ENTRY_TEXT:  (*EQUAL, *TEXTUAL, "exists"),
}
# fmt: on

ENTRY_KINDS = frozenset({Kind.ENTRY_KEY, Kind.ENTRY_VALUE, Kind.ENTRY_TEXT, Kind.ENTRY_SCORE})
"""Tests on one part of an entry; under one `and` they speak about one and the same entry."""


class Field(NamedTuple):
    """A row. `<k>` at the end of a name stands for a key behind a dot, and may have dots itself.

    `attribute` is the name in the checked tree, if it is another one; for fields with `family`
    the tests go to the part `part` of that family's entries.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    attribute: str = ""
    aliases: tuple[str, ...] = ()
    family: str = ""
    part: str = ""
    searched: bool = False  # search(field, "...") applies

    @property
    def in_tree(self) -> str:
        return self.attribute or self.name.removesuffix(".<k>")

    @property
    def is_dotted(self) -> bool:
        return self.name.endswith(".<k>")

    @property
    def functions(self) -> tuple[str, ...]:
        return FUNCTIONS_OF[self.kind] + (("search",) if self.searched else ())


# fmt: off
ROWS = (
    Field("id", Kind.UUID, "the run's id", aliases=("run_id",)),
    Field("name", Kind.TEXT, "what was traced, as its author calls it", searched=True),
    Field("run_type", Kind.TEXT, "llm, chain, tool, retriever, embedding, prompt or parser"),
    Field("status", Kind.TEXT, "pending, success, error or interrupted"),
    Field("error", Kind.TEXT,
          "the error's text; absent when there is none; eq(error, true): there is one",
          searched=True),
    Field("start_time", Kind.TIME, "when it started", unit="ISO-8601"),
    Field("end_time", Kind.TIME, "when it ended; absent while it runs", unit="ISO-8601"),
    Field("first_token_time", Kind.TIME, "when its first token came; absent if not streamed",
          unit="ISO-8601"),
    Field("latency", Kind.DURATION, "end_time - start_time; absent while it runs", unit="s"),
    Field("total_tokens", Kind.TOKENS, "of it and its descendants; 0 without usage",
          unit="tokens"),
    Field("prompt_tokens", Kind.TOKENS, "of it and its descendants; 0 without usage",
          unit="tokens"),
    Field("completion_tokens", Kind.TOKENS, "of it and its descendants; 0 without usage",
          unit="tokens"),
    Field("total_cost", Kind.COST, "of it and its descendants; absent if unknown", unit="USD"),
    Field("prompt_cost", Kind.COST, "of it and its descendants; absent if unknown", unit="USD"),
    Field("completion_cost", Kind.COST, "of it and its descendants; absent if unknown",
          unit="USD"),
    Field("prompt_token_details.<k>", Kind.TOKENS, "part of the prompt tokens, such as cache_read",
          unit="tokens"),
    Field("completion_token_details.<k>", Kind.TOKENS,
          "part of the completion tokens, such as reasoning", unit="tokens"),
    Field("prompt_cost_details.<k>", Kind.COST, "part of the prompt cost", unit="USD"),
    Field("completion_cost_details.<k>", Kind.COST, "part of the completion cost", unit="USD"),
    Field("tags", Kind.TAGS, "labels the author gave", family="tags", part="key", searched=True),
    Field("metadata", Kind.PAYLOAD, "extra.metadata, as a whole", family="metadata",
          searched=True),
    Field("metadata.<k>", Kind.PATH, "its value at a key", family="metadata"),
    Field("metadata_key", Kind.ENTRY_KEY, "an entry's key (dotted path)", family="metadata",
          part="key"),
    Field("metadata_value", Kind.ENTRY_VALUE, "the same entry's value", family="metadata",
          part="value"),
    Field("inputs", Kind.PAYLOAD, "the inputs, as a whole", family="inputs", searched=True),
    Field("inputs.<k>", Kind.PATH, "their value at a key", family="inputs"),
    Field("input_key", Kind.ENTRY_KEY, "an entry's key (dotted path)", family="inputs",
          part="key"),
    Field("input_value", Kind.ENTRY_VALUE, "the same entry's value", family="inputs",
          part="value"),
    Field("outputs", Kind.PAYLOAD, "the outputs, as a whole", family="outputs", searched=True),
    Field("outputs.<k>", Kind.PATH, "their value at a key", family="outputs"),
    Field("output_key", Kind.ENTRY_KEY, "an entry's key (dotted path)", family="outputs",
          part="key"),
    Field("output_value", Kind.ENTRY_VALUE, "the same entry's value", family="outputs",
          part="value"),
    Field("extra", Kind.PAYLOAD, "what else the tracer sent, as a whole", family="extra"),
    Field("extra.<k>", Kind.PATH, "its value at a key", family="extra"),
    Field("feedback_key", Kind.ENTRY_KEY, "a feedback record's key", family="feedback",
          part="key"),
    Field("feedback_score", Kind.ENTRY_SCORE, "the same record's score; true is 1, false is 0",
          family="feedback", part="score"),
    Field("feedback_value", Kind.ENTRY_VALUE, "the same record's value", family="feedback",
          part="value"),
    Field("feedback_comment", Kind.ENTRY_TEXT, "the same record's comment", family="feedback",
          part="comment"),
    Field("feedback_source", Kind.ENTRY_TEXT, "the same record's source type: api, app or model",
          family="feedback", part="source"),
    Field("feedback.<k>", Kind.KEY_SCORE, "the score of a record with this key",
          family="feedback"),
    Field("is_root", Kind.BOOL, "the run has no parent"),
    Field("trace_id", Kind.UUID, "the id of the root of its trace"),
    Field("parent_run_id", Kind.UUID, "the run it is a direct child of; absent at the root"),
    Field("dotted_order", Kind.TEXT, "its place in the trace, as sortable text"),
    Field("thread_id", Kind.TEXT,
          "the conversation: metadata session_id, conversation_id or thread_id"),
    Field("reference_example_id", Kind.UUID, "the dataset example it was run on"),
    Field("session_id", Kind.UUID, "the project's id", attribute="project_id",
          aliases=("project_id",)),
    Field("session_name", Kind.TEXT, "the project's name", attribute="project_name",
          aliases=("project_name",)),
)

REFUSED = {  # names of LangSmith, of its UI and of other stores -> what to write here
    "execution_order":
        "eq(is_root, true) finds the first run of a trace; dotted_order gives the order",
    "child_execution_order": "dotted_order and start_time give the order",
    "run_count":          "counts belong to threads, not to runs; POST /runs/stats counts runs",
    "child_run_ids":
        'a parent is found from its child: eq(parent_run_id, "..."), or tree_filter',
    "direct_child_run_ids":
        'a parent is found from its child: eq(parent_run_id, "..."), or tree_filter',
    "child_runs":         "conditions on other runs of the trace go into tree_filter",
    "parent_run_ids":     "use parent_run_id, or trace_id for all runs of a trace",
    "feedback_stats":
        'and(eq(feedback_key, "k"), gte(feedback_score, 0.5)), or gte(feedback.k, 0.5)',
    "feedback":           "name its key: gte(feedback.correctness, 0.5)",
    "feedback_error":     "use feedback_key, feedback_score, feedback_value, feedback_comment",
    "prompt_token_details": "name the detail: gt(prompt_token_details.cache_read, 0)",
    "completion_token_details": "name the detail: gt(completion_token_details.reasoning, 0)",
    "prompt_cost_details": "name the detail: gt(prompt_cost_details.cache_read, 0)",
    "completion_cost_details": "name the detail: gt(completion_cost_details.reasoning, 0)",
    "ls_user_id":         "use metadata.ls_user_id",
    "ls_run_depth":       "use metadata.ls_run_depth",
    "ls_model_name":      "use metadata.ls_model_name",
    "model":              "use metadata.ls_model_name",
    "user_id":            "use metadata.user_id",
    "attachments":        "runs are not filtered by attachments",
    "events":             "runs are not filtered by events; first_token_time tells of streaming",
    "serialized":         "runs are not filtered by serialized",
    "manifest_id":        "runs are not filtered by manifest",
    "last_queued_at":     "runs are not filtered by queue",
    "time_to_first_token":
        "first_token_time is a time; runs are not filtered by its distance from the start",
    "duration":           "use latency",
    "duration_ms":        'use latency: gt(latency, "500ms")',
    "cost":               "use total_cost",
    "tokens":             "use total_tokens",
    "input":              "use inputs",
    "output":             "use outputs",
    "type":               "use run_type",
    "kind":               "use run_type",
    "tag":                "use tags",
    "timestamp":          "use start_time",
    "created_at":         "use start_time",
    "score":              "use feedback_score, with feedback_key",
    "session":            "use session_name or session_id",
    "project":            "use project_name or project_id",
    "parent_id":          "use parent_run_id",
    "root_id":            "use trace_id",
    "root_run_id":        "use trace_id",
    "error_message":      "use error",
    "metadata_keys":      "use metadata_key",
}
# fmt: on

FIELDS = {name: row for row in ROWS if not row.is_dotted for name in (row.name, *row.aliases)}
DOTTED = {row.in_tree: row for row in ROWS if row.is_dotted}
ALLOWED_FIELDS = tuple(row.name for row in ROWS)
SEARCHED = tuple(row.name for row in ROWS if row.searched)


def find(parts: tuple[str, ...]) -> tuple[Field, str] | None:
    """The row a written name means, and the key behind the dot ("" if it has none)."""
    if len(parts) == 1:
        row = FIELDS.get(parts[0])
        return row and (row, "")
    row = DOTTED.get(parts[0])
    return row and (row, ".".join(parts[1:]))
