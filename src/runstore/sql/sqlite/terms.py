"""Run -> the terms of its document in the inverted index, and the names of those terms.

A term is a mark and a text. Marks:

    i<word>  o<word>       a word of the inputs, of the outputs
    x<word>                a word of error, name, tags or metadata values
    .i<path> .o<path> .m<path>   a leaf's key in inputs, outputs, metadata
    :i<path> :o<path> :m<path>   a path above a leaf
    =<path>~<type><value>  a metadata pair; type s, n or b
    #<tag>
    @n<name> @t<run type> @s<status> @e @p<parent id> @h<thread id> @r<example id> @j<project>

Words are case-folded already. In other texts `quoted` makes upper case, blanks and quotes into
^ sequences, because the index's tokenizer folds ASCII case and splits at blanks. A text longer
than INDEXED_TOKEN_CHARS_MAX is cut; whoever looks it up must test the runs found again.
"""

import re
from collections.abc import Iterable

from runstore.limits import INDEXED_TOKEN_CHARS_MAX
from runstore.model.entries import Entry, Leaf
from runstore.model.run import Run
from runstore.model.words import leaf_text, tokens

_SPECIAL = re.compile(r"[A-Z^~\s\x00-\x1f\x7f'\"]")
FAMILY_MARKS = {"inputs": "i", "outputs": "o", "metadata": "m"}


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    if char.isascii() and char.isalpha():
        return "^" + char.lower()
    return f"^{ord(char):x};"


def quoted(text: str) -> str:
    if _SPECIAL.search(text):
        text = _SPECIAL.sub(_escape, text)
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


def word_terms(mark: str, words: Iterable[str]) -> set[str]:
    return {mark + word[:INDEXED_TOKEN_CHARS_MAX] for word in words}


def project_term(pid: int) -> str:
    return f"@j{pid}"


def run_terms(run: Run, inputs: list[Entry], outputs: list[Entry], metadata: list[Entry]) -> str:
    """The blank-separated terms of one run, no term twice, in no order; its project's is missing,
    for that is known only when the run is written."""
    terms = {f"@s{run.status}"}
    if inputs:
        _add_payload(terms, "i", inputs)
    if outputs:
        _add_payload(terms, "o", outputs)
    others: list[object] = [value for _, value in metadata]
    for path, value in metadata:
        terms.add(f"={quoted(path)}~{leaf_key(value)}")
    _add_keys(terms, "m", metadata)
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
    _add_words(terms, "x", leaf_text(others))
    return " ".join(terms)


def _add_payload(terms: set[str], mark: str, entries: list[Entry]) -> None:
    _add_keys(terms, mark, entries)
    _add_words(terms, mark, leaf_text([value for _, value in entries]))


def _add_keys(terms: set[str], mark: str, entries: list[Entry]) -> None:
    for path in {path for path, _ in entries}:
        terms.add(f".{mark}{quoted(path)}")
        end = path.rfind(".")
        while end > 0:
            above = f":{mark}{quoted(path[:end])}"
            if above in terms:
                break
            terms.add(above)
            end = path.rfind(".", 0, end)


def _add_words(terms: set[str], mark: str, text: str) -> None:
    for word in set(tokens(text)):
        terms.add(mark + word[:INDEXED_TOKEN_CHARS_MAX])
