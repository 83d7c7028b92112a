"""A page whose JSON is made when it is read is told as one that is written at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import msgspec

from runstore.limits import DEFERRED_RUNS
from runstore.model.feedback import Feedback
from runstore.model.query import Page, RunQuery
from runstore.wire.answer import encode_page, encode_run
from runstore.wire.deferred import DeferredPage
from runstore.wire.names import DEFAULT
from tests.wire.test_answer import FULL, ROOT, RUN, asked, run

COUNT = 5 * DEFERRED_RUNS + 1  # more than are written at once, too
QUERY = asked(RunQuery(project_ids=(ROOT,), query="tea"), select=DEFAULT | {"child_run_ids"})


def page() -> Page:
    runs = [msgspec.structs.replace(FULL, name=f"run {number}") for number in range(COUNT - 1)]
    return Page(
        runs=[*runs, run(id=ROOT, totals={})],
        has_next=True,
        feedback={RUN: [Feedback(id=ROOT, key="k", run_id=RUN, score=1.0)]},
        child_ids={ROOT: [RUN]},
        descendant_ids={ROOT: [RUN]},
    )


def test_runs_read_in_any_order_are_those_of_the_answer() -> None:
    deferred = DeferredPage(page(), QUERY, None)
    answer = encode_page(page(), QUERY)
    assert len(deferred) == COUNT
    texts = {number: deferred.run_json(number) for number in (COUNT - 1, 0, *range(COUNT))}
    written = b",".join(texts[number] for number in range(COUNT))
    assert answer.startswith(b'{"runs":[' + written + b'],"cursors":')
    rest = json.loads(answer)
    assert (deferred.cursors, deferred.parsed_query) == (rest["cursors"], rest["parsed_query"])


def test_links_are_made_as_for_an_answer() -> None:
    select = frozenset({"s3_urls"})
    deferred = DeferredPage(
        Page(runs=[FULL]), asked(RunQuery(), select=select), lambda run_id, file: f"/{file.name}"
    )
    expected = encode_run(FULL, select, attachment_url=lambda run_id, file: "/picture")
    assert deferred.run_json(0) == expected


def test_several_threads_may_read_it() -> None:
    deferred = DeferredPage(page(), QUERY, None)
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(deferred.run_json, [*range(COUNT), *range(COUNT)]))
    again = DeferredPage(page(), QUERY, None)
    assert texts[:COUNT] == texts[COUNT:] == [again.run_json(number) for number in range(COUNT)]
