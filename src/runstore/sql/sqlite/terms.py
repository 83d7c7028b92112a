"""Run -> its document in the inverted index: words, and terms for all that is looked up whole.

The columns inputs, outputs and others (error, name, tags, metadata values) hold words, which are
letters and digits only. The column terms holds terms, each a mark and a text:

    .i<path> .o<path> .m<path>   a leaf's key in inputs, outputs, metadata
    :i<path> :o<path> :m<path>   a path above a leaf
    =<path>~<type><value>        a metadata pair; type s, n or b
    #<tag>
    @n<name> @t<run type> @s<status> @e @p<parent id> @h<thread id> @r<example id> @j<project>

No word is a term, so only words need a column named. Words are case-folded already. In terms
`quoted` makes upper case, blanks and quotes into ^ sequences, because the index's tokenizer folds
ASCII case and splits at blanks. A text longer than INDEXED_TOKEN_CHARS_MAX is cut; whoever looks
it up must test the runs found again.
"""

import re
from functools import lru_cache
from string import ascii_uppercase
from typing import Any, NamedTuple

from runstore.limits import INDEXED_TOKEN_CHARS_MAX
from runstore.model.entries import Leaf, flatten, paths_and_texts
from runstore.model.run import Run
from runstore.model.words import blank_separated

_SPECIAL = re.compile(r"[A-Z^~\s\x00-\x1f\x7f'\"]")
_ESCAPES = {ord(char): f"^{ord(char):x};" for char in map(chr, range(0x3100)) if char.isspace()}
_ESCAPES |= {code: f"^{code:x};" for code in (*range(0x20), 0x7F, *map(ord, "^~'\""))}
_ESCAPES |= {ord(char): "^" + char.lower() for char in ascii_uppercase}
FAMILY_MARKS = {"inputs": "i", "outputs": "o", "metadata": "m"}
SHAPES_MAX = 2_000  # sets of paths whose terms are kept
SHAPE_PATHS_MAX = 100  # in one of them
REMEMBERED_MAX = 50_000  # paths, and pairs, whose terms are kept: they repeat from run to run


def quoted(text: str) -> str:
    if _SPECIAL.search(text):
        text = text.translate(_ESCAPES)
    return text[:INDEXED_TOKEN_CHARS_MAX]


def is_whole(term_text: str) -> bool:
    """Whether a quoted text stands in the index uncut, so that finding it proves equality."""
    return len(term_text) < INDEXED_TOKEN_CHARS_MAX


def key_term(family: str, path: str) -> str:
    return f".{FAMILY_MARKS[family]}{quoted(path)}"


def above_term(family: str, path: str) -> str:
    return f":{FAMILY_MARKS[family]}{quoted(path)}"


def leaf_key(value: Leaf) -> str:
    """Type and value; equal values have equal texts (1 and 1.0), true and 1 do not."""
    if value is True or value is False:
        return "btrue" if value else "bfalse"
    if isinstance(value, str):
        return "s" + quoted(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"n{value!r}"


def pair_term(path: str, value: Leaf) -> str:
    return f"={quoted(path)}~{leaf_key(value)}"


def project_term(pid: int) -> str:
    return f"@j{pid}"


class Terms(NamedTuple):
    """Texts for the index: terms, and words of one kind of column."""

    terms: str
    words: str


NO_TERMS = Terms("", "")


def run_terms(run: Run, metadata: Any) -> Terms:
    """Of a run and its metadata: all terms but those of its payloads and of its project, and the
    words of `others`."""
    terms = {f"@s{run.status}"}
    entries = flatten(metadata)
    others = []
    keys = set()
    for entry in entries:
        path, value = entry
        keys.add(path)
        if value.__class__ is str:
            others.append(value)
            terms.add(_TEXT_PAIRS.get(entry) or _text_pair(entry))
        else:
            terms.add(_remembered_pair(path, value))
            if value.__class__ is not bool:
                others.append(str(value))
    if run.name is not None:
        terms.add("@n" + quoted(run.name))
        others.append(run.name)
    if run.tags:
        terms.update("#" + quoted(tag) for tag in run.tags)
        others.extend(run.tags)
    if run.error is not None:
        terms.add("@e")
        others.append(run.error)
    if run.run_type is not None:
        terms.add("@t" + quoted(run.run_type))
    if run.parent_run_id is not None:
        terms.add("@p" + run.parent_run_id)
    if run.thread_id is not None:
        terms.add("@h" + quoted(run.thread_id))
    if run.reference_example_id is not None:
        terms.add("@r" + run.reference_example_id)
    paths = _paths_terms("m", keys)
    return Terms(f"{paths} {' '.join(terms)}", blank_separated("\n".join(others)))


def terms_of_changed(known: Terms, was: Run, run: Run) -> Terms:
    """`run_terms` of a run of which nothing but status and error has changed, the latter only in
    that there is one now."""
    terms = f" {known.terms} ".replace(f" @s{was.status} ", f" @s{run.status} ").strip()
    if run.error is None:
        return Terms(terms, known.words)
    return Terms(f"{terms} @e", f"{known.words} {blank_separated(run.error)}")


def payload_terms(mark: str, value: Any) -> Terms:
    """The keys and words of inputs ("i") or outputs ("o")."""
    paths, texts = paths_and_texts(value)
    return Terms(_paths_terms(mark, paths), blank_separated("\n".join(texts)))


def _paths_terms(mark: str, paths: set[str]) -> str:
    """Payloads of one kind of run mostly have the same paths, and few."""
    if len(paths) > SHAPE_PATHS_MAX:
        return _made_paths_terms.__wrapped__(mark, frozenset(paths))
    return _made_paths_terms(mark, frozenset(paths))


@lru_cache(SHAPES_MAX)
def _made_paths_terms(mark: str, paths: frozenset[str]) -> str:
    terms: set[str] = set()
    for path in paths:
        terms.update(_key_terms(mark, path))
    return " ".join(terms)


_TEXT_PAIRS: dict[tuple[str, Leaf], str] = {}
"""Terms of pairs whose value is a text, as most are; to look here takes half as long as a call."""


def _text_pair(entry: tuple[str, Leaf]) -> str:
    if len(_TEXT_PAIRS) >= REMEMBERED_MAX:
        _TEXT_PAIRS.clear()
    term = _TEXT_PAIRS[entry] = pair_term(*entry)
    return term


@lru_cache(REMEMBERED_MAX, typed=True)
def _remembered_pair(path: str, value: Leaf) -> str:
    return pair_term(path, value)


@lru_cache(REMEMBERED_MAX)
def _key_terms(mark: str, path: str) -> tuple[str, ...]:
    """The term of a leaf's path, and those of all paths above it."""
    terms = [f".{mark}{quoted(path)}"]
    end = path.rfind(".")
    while end > 0:
        terms.append(f":{mark}{quoted(path[:end])}")
        end = path.rfind(".", 0, end)
    return tuple(terms)
