"""A page handed over in this process says what its JSON would: every field, every column."""

from itertools import product
from typing import Any

import msgspec
import pytest

from runstore.client.frames import COLUMNS, ArrowPages
from runstore.client.record import HandedRecord
from runstore.client.run import FIELDS, Run
from runstore.client.run_page import decode_page, run_page
from runstore.limits import DEFERRED_RUNS
from runstore.model.feedback import Feedback
from runstore.model.query import Page, RunQuery
from runstore.model.run import Attachment, JsonText
from runstore.model.run import Run as StoredRun
from runstore.wire.answer import encode_page
from runstore.wire.deferred import DeferredPage
from runstore.wire.names import DEFAULT, SELECTABLE
from tests.wire.test_answer import FULL, PROJECT, ROOT, RUN, START_US, asked, run

ODD = run(
    id=ROOT,
    dotted_order=f"20260102T030405678901Z{ROOT}",
    parent_run_id=None,
    start_us=-1,
    name=None,
    run_type=None,
    project_id=None,
    error='a "quote"\nand a line',
    inputs=JsonText(b"{}"),
    extra=JsonText(b'{"metadata":{"a\\u00fc":[1,2.50]}}'),
    totals={
        "total_tokens": (0, 1),
        "prompt_cost": (-5, 2),
        "total_cost": (0, 1),
        'prompt_token_details.a "b".c': (1, 1),
        "prompt_token_details.cache_read": (2, 1),
        "prompt_cost_details.cache_read": (10**13 + 1, 1),
    },
)
LEAST = run(totals={}, project_id=PROJECT)
RUNS = [FULL, ODD, LEAST]
SELECTS = {
    "as usual": DEFAULT,
    "everything": frozenset(SELECTABLE),
    "little": frozenset({"name", "outputs"}),
    "what needs more than the runs": frozenset(
        {"feedback_stats", "child_run_ids", "s3_urls", "trace_min_max_start_time"}
    ),
}


def link(run_id: str, file: Attachment) -> str:
    return f"/attachments/{run_id}/{file.name}"


def both(select: frozenset[str], runs: list[StoredRun] = RUNS) -> tuple[DeferredPage, bytes]:
    """The page, and the answer that has the same runs."""
    page = Page(
        runs=runs,
        feedback={RUN: [Feedback(id=ROOT, key="k", run_id=RUN, score=1.0, comment="ü")]},
        child_ids={ROOT: [RUN]},
        descendant_ids={ROOT: [RUN]},
        trace_starts={ROOT: (START_US, START_US + 1)},
    )
    query = asked(RunQuery(project_ids=(ROOT,)), select=select)
    return DeferredPage(page, query, link), encode_page(page, query, attachment_url=link)


def fields(one: Run) -> dict[str, Any]:
    return {name: getattr(one, name) for name in FIELDS}


@pytest.mark.parametrize("select", SELECTS.values(), ids=SELECTS)
def test_each_field_of_a_run_is_that_of_its_json(select: frozenset[str]) -> None:
    page, answer = both(select)
    handed, decoded = run_page(page).runs, decode_page(answer).runs
    for here, there in zip(handed, decoded, strict=True):
        assert fields(here) == fields(there)
        assert [type(one) for one in fields(here).values()] == [
            type(one) for one in fields(there).values()
        ]
        assert here == there
        assert here.raw_json == there.raw_json


@pytest.mark.parametrize("select", SELECTS.values(), ids=SELECTS)
def test_each_column_is_that_of_the_json(select: frozenset[str]) -> None:
    page, answer = both(select)
    names = select & {column.field for column in COLUMNS}
    pages = ArrowPages(sorted(names))
    for runs_max in (None, 1, 2):
        handed, decoded = (pages.batch(one, runs_max) for one in (page, answer))
        assert handed.equals(decoded)
    assert handed.num_rows == 2


def test_no_column_is_made_of_a_field_that_is_left_out() -> None:
    page, answer = both(frozenset({"name"}))
    names = ["inputs", "total_cost", "feedback_stats", "parent_run_ids", "in_dataset"]
    handed = run_page(page).runs[0]
    assert [getattr(handed, name) for name in names] == [
        getattr(decode_page(answer).runs[0], name) for name in names
    ]


def test_runs_of_one_page_share_nothing_one_may_change() -> None:
    page, _ = both(DEFAULT)
    one, other = (run_page(page).runs[0] for _ in range(2))
    for name in ("tags", "inputs", "extra", "parent_run_ids", "feedback_stats"):
        assert getattr(one, name) is not getattr(other, name)
    assert one.tags is not None
    one.tags.append("mine")
    assert other.tags == ["a", "b"]


def test_a_run_finds_its_place_in_any_order() -> None:
    count = 2 * DEFERRED_RUNS + 1
    runs = [msgspec.structs.replace(FULL, name=f"run {number}") for number in range(count)]
    page, _ = both(DEFAULT, runs)
    for number, name in product((count - 1, 0, DEFERRED_RUNS), ("name", "inputs")):
        found = getattr(HandedRecord(page, number), name)
        assert found == (f"run {number}" if name == "name" else FULL.inputs)
