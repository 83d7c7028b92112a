"""The account of a transfer: a bar while it runs, then the ledger, and an exit code that tells."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from runstore.client.progress import watch
from runstore.client.transfer import Ledger
from runstore.client.transfer.ledger import OnLedger

WHOLE, LOST = 0, 1
SHOWN = 20  # refusals on a terminal; --json has more


@contextmanager
def watched(total: int | None = None) -> Iterator[OnLedger | None]:
    """A progress bar on stderr, if that is a terminal. `total`: runs, if it is known."""
    with watch(None, total) as on_runs:
        if on_runs is None:
            yield None
            return

        def tell(ledger: Ledger) -> None:
            on_runs(ledger.runs.read)

        yield tell


def show_account(ledger: Ledger, *, as_json: bool) -> int:
    """The ledger on stdout, what was refused on stderr. 1 when anything was lost, else 0."""
    if as_json:
        print(json.dumps({"lossless": ledger.is_lossless, **ledger.as_json()}))
    else:
        print(ledger)
    for what, one_id, reason in ledger.refusals[:SHOWN]:
        print(f"refused {what} {one_id}: {reason}", file=sys.stderr)
    more = sum(count.refused for count in ledger.counts) - SHOWN
    if more > 0:
        print(f"and {more:,} more", file=sys.stderr)
    return WHOLE if ledger.is_lossless else LOST
