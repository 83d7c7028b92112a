"""Expressions over terms -> what the inverted index finds, and how common that is.

Asked of the index itself for every query anew: its newest hits tell how many there are in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runstore.engine.sqlite.candidates import Read
from runstore.engine.sqlite.connections import Connection
from runstore.limits import (
    FIRST_CANDIDATES,
    LOOKUP_TERMS_MAX,
    WORD_FORMS_LISTED,
    WORD_FORMS_MAX,
)
from runstore.model.jsontext import decode
from runstore.sql.sqlite import select
from runstore.sql.sqlite.lookup import All, Any_, Expression, Term, match_text, resolve, size
from runstore.sql.sqlite.predicate import Params

SURELY_COMMON = 2  # times the limit, by an estimate from the newest runs
SHARE_HERE_MIN = 0.2  # of hits in the projects asked for; with fewer the index does better
NOTHING = '"@"'  # no run has this term: every mark is followed by a text


@dataclass(slots=True)
class Probing:
    """One query's questions to the inverted index, each asked once."""

    connection: Connection
    pids: Sequence[int] | None
    all_pids: Sequence[int]
    reads: list[Read]
    matches: dict[Expression, str] = field(default_factory=dict)  # as `few` came to ask
    newest: dict[str, list[int]] = field(default_factory=dict)  # hits, by what was asked
    shares: dict[Expression, float] = field(default_factory=dict)  # hits to a run, in all
    _newest_rid: int | None = None
    _here: dict[str, float] = field(default_factory=dict)
    _words: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    _resolved: dict[Expression, Expression | None] = field(default_factory=dict)

    def resolve(self, expression: Expression) -> Expression | None:
        """The expression with its prefixes spelt out; None if nothing can be found."""
        if expression not in self._resolved:
            self._resolved[expression] = resolve(expression, self.words, WORD_FORMS_MAX)
        return self._resolved[expression]

    def words(self, prefix: str, limit: int) -> list[str]:
        """Connection.words, asked once: in a large index that takes milliseconds."""
        found = self._words.get((prefix, limit))
        if found is None:
            found = self._words[prefix, limit] = self.connection.words(prefix, limit)
        return found

    def newest_rid(self) -> int:
        if self._newest_rid is None:
            ((self._newest_rid,),) = self.connection.all(select.newest_rid())
        return self._newest_rid or 0

    def in_projects(self, expression: Expression) -> Expression:
        if self.pids is None or set(self.pids) == set(self.all_pids):
            return expression
        projects = tuple(Term(f"@j{pid}") for pid in self.pids)
        return All((expression, projects[0] if len(projects) == 1 else Any_(projects)))

    def text(self, expression: Expression) -> str | None:
        """For a condition on one run: what lists all hits; None: too long to be asked."""
        if size(expression) > LOOKUP_TERMS_MAX:
            return None
        resolved = resolve(expression, self.words, WORD_FORMS_LISTED)
        return NOTHING if resolved is None else match_text(resolved)

    def few(self, expression: Expression, limit: int, *, in_projects: bool) -> list[int] | None:
        """Every rid the index finds, perhaps of other projects too; None if they are more than
        the limit, or seem so by far.

        Wrong by that, a walk in order of arrival still reads no more than the index finds."""
        resolved = self.resolve(expression)
        if resolved is None:
            return []
        rids = self._listed(expression, match_text(resolved), limit)
        # To intersect with all runs of a project takes 10 us a hit, to read a run a quarter.
        if rids is None and in_projects and self._is_mostly_elsewhere(expression):
            narrower = self.resolve(self.in_projects(expression))
            if narrower not in (None, resolved):
                rids = self._listed(expression, match_text(narrower), limit)
        return rids

    def _listed(self, expression: Expression, match: str, limit: int) -> list[int] | None:
        """`few` of what is asked with this text."""
        self.matches[expression] = match
        rids = self._rids(match, FIRST_CANDIDATES, newest=True)
        if len(rids) == FIRST_CANDIDATES:
            self.newest[match] = rids
            newest = self.newest_rid()
            self.shares[expression] = share = len(rids) / (newest - rids[-1] + 1)
            if share * newest > SURELY_COMMON * limit:
                return None
            rids = self._rids(match, limit + 1)
            if len(rids) > limit:
                return None
        # What it found counts where it is read.
        self.reads.append(Read(select.probe(match, limit), 0))
        return rids

    def _is_mostly_elsewhere(self, expression: Expression) -> bool:
        """Whether of its newest hits few are of the projects asked for."""
        return self.share_here(expression) < SHARE_HERE_MIN

    def share_here(self, expression: Expression) -> float:
        """Of its newest hits, how many of one are of the projects asked for."""
        match = self.matches.get(expression, "")
        rids = self.newest.get(match)
        if self.pids is None or not rids:
            return 1.0
        if match not in self._here:
            self._here[match] = self._share_of(rids, self.pids)
        return self._here[match]

    def _share_of(self, rids: list[int], pids: Sequence[int]) -> float:
        params = Params()
        conditions = [select.in_projects(pids, params)]
        here = select.all_rows("count(*)", conditions, params, ("rid", rids))
        ((count,),) = self.connection.all(here)
        return int(count) / len(rids)

    def _rids(self, match: str, limit: int, *, newest: bool = False) -> list[int]:
        ((rids,),) = self.connection.all(select.probe(match, limit, newest=newest))
        found: list[int] = decode(rids)
        return sorted(found, reverse=True) if newest else found
