"""How common a condition is among the newest runs: what a walk would meet first.

A sample of the data itself, for every query anew: statistics gathered earlier may be stale.
"""

from collections.abc import Sequence

from runstore.engine.sqlite.connections import Connection
from runstore.filter.tree import Compare, Node, OneOf
from runstore.limits import SAMPLE_RUNS, SAMPLE_ZONES
from runstore.sql.sqlite import select, witnesses
from runstore.sql.sqlite.columns import ANSWERED_BY_RUNS_TIME
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.span import Span, is_start_test

INDEX_STEP = 0.03  # to pass over a run on runs_time, in reads of a run: 0.08 of 2.5 us
ROOT_READS = 2  # to test a run's root
RATING_READS = 2  # to test a run's feedback, or to find the run a record is about
ZONE_STEP = 0.2  # to read one more run of a zone, in reads of a run anywhere
TRACE_READS = 8  # to test all runs of a trace: agents make about so many
TRACE_LISTED = 24  # to find and read them: they lie anywhere


def on_runs_time(term: Node) -> bool:
    """Whether the index runs_time alone can test it. Tests on the start bound the walk itself."""
    return (
        isinstance(term, Compare | OneOf)
        and term.attribute in ANSWERED_BY_RUNS_TIME
        and not is_start_test(term)
    )


def share_meeting(
    connection: Connection, terms: Sequence[Node], pids: Sequence[int], span: Span
) -> float:
    """Of the newest runs of the projects, how many of one meet all terms, each on_runs_time."""
    sampled = met = 0
    for pid in pids:
        params = Params()
        compiler = Conditions(params, lambda _: None)
        conditions = [compiler.condition(term) for term in terms]
        statement = select.sample_time(conditions, span, params, pid=pid, limit=SAMPLE_RUNS)
        ((runs, meeting),) = connection.all(statement)
        sampled, met = sampled + runs, met + meeting
        if sampled >= SAMPLE_RUNS:
            break
    return met / sampled if sampled else 0.0


def share_found(connection: Connection, match: str) -> float:
    """Of the newest rids, how many of one the inverted index finds."""
    ((hits,),) = connection.all(select.sample_arrival(match, SAMPLE_RUNS))
    return float(hits) / SAMPLE_RUNS


def share_rated(connection: Connection) -> float:
    """Feedback records to a run, of all there are."""
    ((records, runs),) = connection.all(witnesses.feedback_share())
    return records / runs if runs else 0.0


def share_zones(connection: Connection, terms: Sequence[Node]) -> float | None:
    """Of the newest zones, how many of one may have a run that meets the terms; None: they know
    nothing of any of them."""
    if not select.zone_bounds(terms, Params()):
        return None
    ((share,),) = connection.all(select.sample_zones(terms, SAMPLE_ZONES))
    return float(share or 0.0)
