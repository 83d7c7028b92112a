"""RunScope -> the keys of a page's runs: chooses where rows come from, and reads them.

A condition that few runs meet is read first (few.py). Where every condition is common, a walk
(walks.py, by_trace.py) stops as soon as the page is full. Which one is decided by asking the
indexes, not by statistics that may be stale. Asked.steps tells what was decided and why.
"""

from dataclasses import dataclass

from runstore.engine.sqlite.asked import Asked
from runstore.engine.sqlite.by_trace import by_trace
from runstore.engine.sqlite.candidates import Candidates, Key
from runstore.engine.sqlite.few import few_candidates
from runstore.engine.sqlite.walks import by_arrival, by_rating, by_time, by_zone, newest_listed
from runstore.model.ids import id_to_bytes
from runstore.sql.sqlite.select import Statement, Window

WALKS = (by_zone, by_trace, by_rating, by_arrival)
"""In turn, until one does not say no. Each asks whether the later ones would read less."""


@dataclass(slots=True)
class Finder:
    asked: Asked
    _found: tuple[Candidates | None] | None = None

    def keys(self, window: Window) -> list[Key]:
        """At most window.limit keys past window.after, in the window's order."""
        asked = self.asked
        if asked.pids == [] or window.limit == 0:
            asked.steps.append("no such project: nothing to read")
            asked.estimate = 0
            return []
        found = self._candidates()
        if found is not None:
            asked.estimate = None if found.kind == "trace_id" else len(found.keys)
            keys = newest_listed(asked, found, window)
            return asked.listed(found, window) if keys is None else keys
        for walk in WALKS:
            keys = walk(asked, window)
            if keys is not None:
                return keys
        return by_time(asked, window)

    def has_keys(self, window: Window, likely_id: str) -> bool:
        """Whether the window has any key; looks first at one run that is likely to be there."""
        if self.asked.pids == [] or window.limit == 0:
            return False
        likely = Candidates("id", [id_to_bytes(likely_id)])
        return bool(self.asked.listed(likely, window) or self.keys(window))

    def all_rows(self, columns: str, among: Candidates | None = None) -> Statement | None:
        """Reads `columns` of every run in the scope, in no order; None: there is none."""
        if self.asked.pids == []:
            return None
        return self.asked.all_rows(columns, among or self._candidates())

    def _candidates(self) -> Candidates | None:
        if self._found is None:
            self._found = (few_candidates(self.asked),)
        return self._found[0]
