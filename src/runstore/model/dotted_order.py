"""Dotted order: one string that sorts a trace's runs into depth-first order.

Form    one segment per ancestor, root first, joined by ".":  <start><run id>
start   %Y%m%dT%H%M%S%fZ, UTC, 22 characters;  run id: UUID, 36 characters
source  docs/wire.md
"""

import re

from runstore.limits import DEPTH_MAX
from runstore.model.ids import ID_CHARS, canonical_id
from runstore.model.times import US_PER_S, datetime_from_us, us_from_text

START_CHARS = 22
SEGMENT_CHARS = START_CHARS + ID_CHARS
_START = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{6})Z")


def parse_dotted_order(text: str) -> tuple[str, ...]:
    """The run ids in it, root first, this run last. Raises ValueError, naming the segment."""
    segments = text.split(".")
    if len(segments) > DEPTH_MAX:
        raise ValueError(
            f"dotted_order names {len(segments)} runs, at most {DEPTH_MAX} are allowed"
        )
    ids = []
    for segment in segments:
        if len(segment) != SEGMENT_CHARS or not _START.match(segment):
            raise ValueError(
                f"dotted_order segment {segment[:80]!r} is not <YYYYMMDDTHHMMSSffffffZ><run id>"
            )
        ids.append(canonical_id(segment[START_CHARS:]))
    return tuple(ids)


def segment(start_us: int, run_id: str) -> str:
    return datetime_from_us(start_us).strftime("%Y%m%dT%H%M%S%fZ").rjust(START_CHARS, "0") + run_id


def segment_start_us(text: str) -> int:
    """When the last run of a dotted order started. Raises ValueError."""
    found = _START.match(text[-SEGMENT_CHARS:])
    if found is None:
        raise ValueError(f"dotted_order segment {text[-SEGMENT_CHARS:]!r} has no start time")
    year, month, day, hour, minute, second, fraction = found.groups()
    try:
        whole = us_from_text(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z")
    except ValueError as error:
        raise ValueError(f"dotted_order segment {text[-SEGMENT_CHARS:]!r}: {error}") from None
    return whole // US_PER_S * US_PER_S + int(fraction)
