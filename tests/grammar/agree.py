"""Puts one text to both parsers: what each makes of it, where they part, how long ours took."""

import time
from dataclasses import dataclass

from runstore.filter.check import compile_filter
from runstore.filter.errors import FilterError
from runstore.filter.parse import parse
from tests.grammar.language import Shape, read, shape_of


@dataclass(frozen=True, slots=True)
class Reading:
    """One text. `shape` is ours, None where we refuse; `problem` is empty where all is well."""

    shape: Shape | None
    problem: str
    parse_s: float


def reading(text: str) -> Reading:
    started = time.perf_counter()
    try:
        call = parse(text)
    except FilterError as error:
        parse_s, ours, said = time.perf_counter() - started, None, str(error)
        if not 0 <= error.at.start <= error.at.end <= len(text) or not said:
            return Reading(None, f"a refusal without a place: {error.at}", parse_s)
    except Exception as error:  # whatever it is, it is what is looked for
        return Reading(None, f"parse crashed: {error!r}"[:300], time.perf_counter() - started)
    else:
        parse_s, ours, said = time.perf_counter() - started, shape_of(call), ""
        if crash := _check_crash(text):
            return Reading(ours, crash, parse_s)
    return Reading(ours, _parted(ours, read(text), said), parse_s)


def _check_crash(text: str) -> str:
    try:
        compile_filter(text)
    except FilterError:
        return ""
    except Exception as error:
        return f"check crashed: {error!r}"[:300]
    return ""


def _parted(ours: Shape | None, other: Shape | None, said: str) -> str:
    if ours == other:
        return ""
    if other is None:
        return "parse accepts, the grammar refuses"
    if ours is None:
        return f"the grammar accepts, parse refuses: {said}"
    return f"two readings: parse {ours!a}, the grammar {other!a}"
