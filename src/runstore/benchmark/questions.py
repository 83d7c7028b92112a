"""The query classes: a name, a target, and how to draw one question of the class.

Questions are bodies of POST /runs/query, so that the engine and the HTTP server are asked the
same. Knows no engine and no server.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runstore.benchmark.agents import TOOLS
from runstore.benchmark.generate import Facts
from runstore.benchmark.vocabulary import Vocabulary
from runstore.model.times import text_from_us

US_PER_DAY = 86_400_000_000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parameters come from. Each question draws its own."""

    project_id: str
    facts: Facts
    vocabulary: Vocabulary


Draw = Callable[[random.Random, Source], Json]


@dataclass(frozen=True, slots=True)
class QueryClass:
    name: str
    target_ms: float  # p50 at the engine, without payloads
    draw: Draw
    second_page: bool = False  # time the page after the cursor, not the first one
    is_stats: bool = False

    def body(self, source: Source, number: int) -> Json:
        """The class's question of that number: the same at the engine and over HTTP."""
        drawn = self.draw(random.Random(f"{self.name} {number}"), source)
        return {key: value for key, value in drawn.items() if value is not None}


def _project(source: Source, **more: object) -> Json:
    return {"session": [source.project_id], "limit": 100} | more


def _newest(draw: random.Random, source: Source) -> Json:
    return _project(source)


def _roots(draw: random.Random, source: Source) -> Json:
    return _project(source, is_root=True)


def _older_page(draw: random.Random, source: Source) -> Json:
    facts = source.facts
    ended = draw.randrange(facts.start_us + US_PER_DAY, facts.end_us)
    return _project(source, limit=50, end_time=text_from_us(ended))


def _cursor_page(draw: random.Random, source: Source) -> Json:
    return _project(source, limit=50, is_root=draw.random() < 0.5 or None)


def _ids(draw: random.Random, source: Source) -> Json:
    return {"id": draw.sample(source.facts.run_ids, min(20, len(source.facts.run_ids)))}


def _trace(draw: random.Random, source: Source) -> Json:
    return {"trace": draw.choice(source.facts.trace_ids)}


def _numeric(draw: random.Random, source: Source) -> Json:
    latency, tokens = 10 + draw.random(), 5_000 + draw.randrange(500)
    return _project(
        source,
        filter=f'and(eq(run_type, "llm"), gt(latency, {latency:.3f}), gt(total_tokens, {tokens}))',
    )


def _trace_filter(draw: random.Random, source: Source) -> Json:
    return _project(
        source,
        filter='eq(name, "extractor")',
        trace_filter='and(eq(feedback_key, "user_score"), '
        f"eq(feedback_score, {draw.randrange(2)}))",
    )


def _tree_filter(draw: random.Random, source: Source) -> Json:
    return _project(
        source,
        is_root=True,
        tree_filter=f'and(eq(name, "{draw.choice(TOOLS)}"), neq(error, null))',
    )


def _three_filters(draw: random.Random, source: Source) -> Json:
    return _project(
        source,
        filter='and(eq(run_type, "llm"), gt(latency, 2))',
        trace_filter='and(eq(feedback_key, "user_score"), eq(feedback_score, 0))',
        tree_filter=f'eq(name, "{draw.choice(TOOLS)}")',
    )


def _tags(draw: random.Random, source: Source) -> Json:
    latency = 2 + draw.random() / 10
    return _project(
        source,
        filter=f'and(or(has(tags, "experimental"), has(tags, "beta")), gt(latency, {latency:.3f}))',
    )


def _metadata(key: str, value: str) -> str:
    return f'and(eq(metadata_key, "{key}"), eq(metadata_value, "{value}"))'


def _metadata_rare(draw: random.Random, source: Source) -> Json:
    return _project(source, filter=_metadata("user_id", draw.choice(source.facts.user_ids)))


def _metadata_common(draw: random.Random, source: Source) -> Json:
    environment = draw.choice(("production", "staging", "development"))
    return _project(source, filter=_metadata("environment", environment))


def _thread(draw: random.Random, source: Source) -> Json:
    return _project(source, filter=f'eq(thread_id, "{draw.choice(source.facts.thread_ids)}")')


def _search(ranks: tuple[range, ...]) -> Draw:
    def question(draw: random.Random, source: Source) -> Json:
        words = " ".join(source.vocabulary.at_rank(draw.choice(rank)) for rank in ranks)
        return _project(source, filter=f'search("{words}")')

    return question


def _error_feedback(draw: random.Random, source: Source) -> Json:
    key = draw.choice(("user_score", "Correctness"))
    return _project(
        source,
        error=True,
        filter=f'and(eq(feedback_key, "{key}"), lt(feedback_score, 1))',
    )


def _error_or_feedback(draw: random.Random, source: Source) -> Json:
    since = text_from_us(source.facts.start_us + draw.randrange(US_PER_DAY))
    return _project(
        source,
        filter=f'and(gt(start_time, "{since}"), or(neq(error, null), '
        'and(eq(feedback_key, "Correctness"), eq(feedback_score, 0.0))))',
    )


def _stats_project(draw: random.Random, source: Source) -> Json:
    return {"session": [source.project_id]}


def _stats_week(draw: random.Random, source: Source) -> Json:
    since = source.facts.end_us - 7 * US_PER_DAY - draw.randrange(3_600_000_000)
    return {"session": [source.project_id], "start_time": text_from_us(since)}


def _stats_filter(draw: random.Random, source: Source) -> Json:
    latency = 5 + draw.random()
    return _stats_week(draw, source) | {
        "filter": f'and(eq(run_type, "llm"), gt(latency, {latency:.3f}))'
    }


# Ranks of words in the vocabulary, 0 the most frequent. Each rank of RARE is in about 1 run of
# 5,000 and more, of COMMON in about every tenth.
RARE = range(20_000, 39_000)
COMMON = range(40, 200)

# fmt: off
QUERY_CLASSES = (
    QueryClass("newest page of 100",             2, _newest),
    QueryClass("newest 100 roots",              20, _roots),
    QueryClass("cursor page of 50",             20, _cursor_page, second_page=True),
    QueryClass("page of 50 that ended before",  20, _older_page),
    QueryClass("20 runs by id",                  2, _ids),
    QueryClass("one trace",                      2, _trace),
    QueryClass("llm, latency > 10, tokens > 5000", 20, _numeric),
    QueryClass("name, trace_filter on feedback", 20, _trace_filter),
    QueryClass("roots, tree_filter name + error", 20, _tree_filter),
    QueryClass("all three filters",             20, _three_filters),
    QueryClass("two tags or'ed, latency > 2",   20, _tags),
    QueryClass("metadata pair, rare",            2, _metadata_rare),
    QueryClass("metadata pair, common",          2, _metadata_common),
    QueryClass("thread",                         2, _thread),
    QueryClass("text, rare word",                2, _search((RARE,))),
    QueryClass("text, rare + common word",       2, _search((RARE, COMMON))),
    QueryClass("text, common word",             20, _search((COMMON,))),
    QueryClass("text, two common words",        20, _search((COMMON, COMMON))),
    QueryClass("error and feedback score",      20, _error_feedback),
    QueryClass("error or feedback score, since", 20, _error_or_feedback),
    QueryClass("stats, project",                20, _stats_project, is_stats=True),
    QueryClass("stats, 7 days",                 20, _stats_week, is_stats=True),
    QueryClass("stats, 7 days and a filter",    20, _stats_filter, is_stats=True),
)
# fmt: on
