"""The account: it adds up, or it is not whole."""

import orjson

from runstore.client.transfer.ledger import Ledger, ledger_from
from runstore.limits import REFUSALS_KEPT_MAX


def filled() -> Ledger:
    ledger = Ledger()
    ledger.runs.read, ledger.runs.written, ledger.runs.unchanged = 1_500, 1_000, 500
    ledger.feedback.read = ledger.feedback.written = 2
    return ledger


def test_what_adds_up_is_lossless() -> None:
    assert Ledger().is_lossless
    assert filled().is_lossless


def test_what_was_read_and_went_nowhere_is_a_loss() -> None:
    ledger = filled()
    ledger.attachments.read += 1
    assert (ledger.attachments.unaccounted, ledger.is_lossless) == (1, False)


def test_what_was_refused_is_a_loss_and_is_told() -> None:
    ledger = filled()
    ledger.feedback.read += 1
    ledger.refuse("feedback", "an id", "why")
    assert (ledger.feedback.unaccounted, ledger.is_lossless) == (0, False)
    assert ledger.refusals == [("feedback", "an id", "why")]


def test_refusals_are_kept_in_bounds_and_counted_all() -> None:
    ledger = Ledger()
    for number in range(REFUSALS_KEPT_MAX + 7):
        ledger.refuse("run", str(number), "why")
    assert len(ledger.refusals) == REFUSALS_KEPT_MAX
    assert ledger.runs.refused == REFUSALS_KEPT_MAX + 7


def test_it_survives_a_state_file() -> None:
    ledger = filled()
    ledger.refuse("run", "an id", "why")
    assert ledger_from(orjson.loads(orjson.dumps(ledger.as_json()))) == ledger


def test_it_shows_itself_as_a_table() -> None:
    head, runs, *_ = str(filled()).split("\n")
    assert head.split() == ["read", "written", "unchanged", "refused"]
    assert runs.split() == ["runs", "1,500", "1,000", "500", "0"]
