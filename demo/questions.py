"""The questions: every example in the documentation of `list_runs`, fitted to the demo's data.

Source: the docstring of langsmith.AsyncClient.list_runs, release 0.15. A demo whose chains take 10
seconds is a dull demo, so latencies and token counts are smaller than there; nothing else changes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from demo.conversation import THREAD


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    arguments: dict[str, Any]  # of list_runs


def questions(project: str, roots: list[UUID]) -> list[Question]:
    """`roots`: the demo's root runs, in the order they ran."""
    scope = {"project_name": project}
    long_ago = "2023-07-15T12:34:56Z"
    return [
        Question("All runs of the project", scope),
        Question(
            "LLM runs of the last 24 hours",
            scope
            | {"start_time": datetime.now().astimezone() - timedelta(days=1), "run_type": "llm"},
        ),
        Question("Root runs: one for each trace", scope | {"is_root": 1}),
        Question("Runs without errors", scope | {"error": False}),
        Question("Only inputs and outputs", scope | {"select": ["inputs", "outputs"]}),
        Question("Runs by id", {"id": [str(root) for root in roots[:2]]}),
        Question(
            "Chains that took more than 0.1 s and more than 3,000 tokens",
            scope
            | {"filter": 'and(eq(run_type, "chain"), gt(latency, 0.1), gt(total_tokens, 3000))'},
        ),
        Question(
            '"extractor" runs whose trace got a user_score of 1',
            scope
            | {
                "filter": 'eq(name, "extractor")',
                "trace_filter": 'and(eq(feedback_key, "user_score"), eq(feedback_score, 1))',
            },
        ),
        Question(
            "Recent runs with an error, or rated 0 for Correctness",
            scope
            | {
                "filter": f'and(gt(start_time, "{long_ago}"), or(neq(error, null), '
                'and(eq(feedback_key, "Correctness"), eq(feedback_score, 0.0))))'
            },
        ),
        Question(
            'Tagged "experimental" or "beta", and slower than 0.05 s',
            scope
            | {
                "filter": 'and(or(has(tags, "experimental"), has(tags, "beta")), gt(latency, 0.05))'
            },
        ),
        Question(
            "LLM calls in traces with bad feedback in which a tool failed (three filters)",
            scope
            | {
                "filter": 'eq(run_type, "llm")',
                "trace_filter": 'and(eq(feedback_key, "user_score"), eq(feedback_score, 0))',
                "tree_filter": 'and(eq(run_type, "tool"), eq(status, "error"))',
            },
        ),
        Question(
            "The failing steps: tools that raised an error",
            scope | {"filter": 'and(eq(run_type, "tool"), neq(error, null))'},
        ),
        Question(
            "Full text: every run that speaks of a warehouse",
            scope | {"filter": 'search("warehouse")'},
        ),
        Question(
            "One metadata pair: what grace did",
            scope | {"filter": 'and(eq(metadata_key, "user_id"), eq(metadata_value, "grace"))'},
        ),
        Question(
            "One conversation: the turns of a thread, oldest first",
            scope | {"filter": f'eq(thread_id, "{THREAD}")', "is_root": True, "order": "asc"},
        ),
    ]
