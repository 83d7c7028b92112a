"""multipart/form-data bytes -> parts, as a stream. Knows boundaries and part headers; knows no run.

Grammar (RFC 2046, RFC 7578), CRLF line ends:

    body  = [preamble CRLF] "--" boundary part { CRLF "--" boundary part } CRLF "--" boundary "--"
    part  = *space CRLF headers CRLF CRLF bytes

The boundary ends a part, whatever length its headers say. The same body cut into any chunks gives
the same parts.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from runstore.errors import InvalidRequest, SchemaError
from runstore.limits import PART_HEAD_BYTES_MAX


class PartHead(NamedTuple):
    name: str
    content_type: str  # as sent, but for a `length` parameter; "" if missing
    length: int | None  # bytes, as Content-Length or `; length=N` says it


class PartConsumer(Protocol):
    """What the reader tells of each part: all at once if it has it whole, as nearly always; else
    one begin, any number of writes, one end."""

    def whole_part(self, name: str, content_type: str, length: int | None, data: bytes) -> None:
        """`PartHead` in its fields, for speed."""

    def begin_part(self, head: PartHead) -> None: ...

    def write_part(self, data: bytes) -> None: ...

    def end_part(self) -> None: ...


_PREAMBLE, _HEAD, _BODY, _END = range(4)

# What surrounds the name and the length in what SDKs send. Other heads take the long way.
_BEFORE_NAME: Final = "\r\nContent-Disposition: form-data; name="
_BEFORE_LENGTH: Final = {
    "\r\nContent-Type: application/json\r\nContent-Length: ": "application/json",
    "\r\nContent-Type: application/json; length=": "application/json",
}
_DIGITS: Final = "0123456789"
# A quote inside quotes ends them only where a parameter can end: the SDK escapes none in names.
_PARAMETER = re.compile(
    r'\s*;\s*([^=;\s]+)\s*=\s*(?:"((?:[^"\\]|\\.|"(?!\s*(?:;|$)))*+)"|([^;\s"]*))'
)
_LENGTH_PARAMETER = re.compile(r'\s*;\s*length\s*=\s*"?(\d{1,18})"?', re.I)
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n", '\\"': '"', "\\\\": "\\"}
_ESCAPE = re.compile(r'%22|%0[AD]|\\["\\]')


def boundary_of(content_type: str) -> bytes:
    """The boundary a Content-Type header names. Raises InvalidRequest."""
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise InvalidRequest(
            f"Content-Type {kind.strip()[:80]!r} is not multipart/form-data; boundary=..."
        )
    found = re.search(r'(?:^|;)\s*boundary=(?:"([^"]{1,200})"|([^;\s"]{1,200}))', parameters, re.I)
    if found is None:
        raise InvalidRequest("Content-Type multipart/form-data names no boundary")
    return (found[1] or found[2]).encode("latin-1", "replace")


class MultipartReader:
    """Fed with chunks of any size; holds at most one chunk and one part's head."""

    def __init__(self, boundary: bytes, consumer: PartConsumer) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._consumer = consumer
        self._state = _PREAMBLE
        self._rest = b"\r\n"  # so that the first boundary is found like any other
        self.parts = 0

    def feed(self, chunk: bytes) -> None:
        """Raises SchemaError where it cannot be multipart, and what the consumer raises."""
        buffer = self._rest + chunk if self._rest else chunk
        at = 0
        while self._state != _END:
            if self._state == _HEAD:
                at = self._read_whole_parts(buffer, at)
                past = self._read_head(buffer, at)
                if past < 0:
                    break
                at = past
            else:
                past, found = self._read_body(buffer, at)
                at = past
                if not found:
                    break
        self._rest = b"" if self._state == _END else buffer[at:]

    def is_untouched(self) -> bool:
        """Whether not one byte has come."""
        return self._state == _PREAMBLE and self._rest == b"\r\n"

    def finish(self) -> None:
        """Raises SchemaError if the closing boundary has not come."""
        if self._state != _END:
            problem = f"multipart ended early, in or after part {self.parts}; nothing was stored"
            raise SchemaError((("body",), problem))

    def _read_body(self, buffer: bytes, at: int) -> tuple[int, bool]:
        """Where to go on, and whether the part ended there."""
        delimiter = self._delimiter
        end = buffer.find(delimiter, at)
        found = end >= 0
        if not found:  # all but what may be the beginning of a delimiter
            end = max(at, len(buffer) - len(delimiter) + 1)
        if self._state == _BODY:
            if end > at:
                self._consumer.write_part(buffer[at:end])
            if found:
                self._consumer.end_part()
        if found:
            self._state = _HEAD
            end += len(delimiter)
        return end, found

    def _read_whole_parts(self, buffer: bytes, at: int) -> int:
        """Parts that end in this buffer: where the first one begins that may not."""
        delimiter = self._delimiter
        if buffer.find(delimiter, at) < 0:
            return at
        take = self._consumer.whole_part
        pieces = (buffer[at:] if at else buffer).split(delimiter)
        pieces.pop()  # it goes on in the next buffer
        for piece in pieces:
            raw, blank_line, data = piece.partition(b"\r\n\r\n")
            if not blank_line or len(raw) > PART_HEAD_BYTES_MAX - 4 or raw.startswith(b"--"):
                break
            name, content_type, length = _usual_head(raw) or _parse_head(raw, self.parts)
            self.parts += 1
            take(name, content_type, length, data)
            at += len(piece) + len(delimiter)
        return at

    def _read_head(self, buffer: bytes, at: int) -> int:
        """Where the part's bytes begin; -1: the head is not all there yet."""
        if buffer.startswith(b"--", at):
            self._state = _END
            return at + 2
        end = buffer.find(b"\r\n\r\n", at, at + PART_HEAD_BYTES_MAX)
        if end < 0:
            if len(buffer) - at >= PART_HEAD_BYTES_MAX:
                raise SchemaError(
                    (
                        ("body", self.parts),
                        f"the headers of a part are over {PART_HEAD_BYTES_MAX} bytes",
                    )
                )
            return -1
        head = _parse_head(buffer[at:end], self.parts)
        self.parts += 1
        self._state = _BODY
        self._consumer.begin_part(head)
        return end + 4


def _usual_head(raw: bytes) -> tuple[str, str, int] | None:
    """`PartHead` of a head as SDKs send it; of another None."""
    try:
        before, name, after = raw.decode("ascii").split('"')
    except ValueError:  # not ASCII, or more quotes
        return None
    content_type, length = _after_name(after)
    if length < 0 or before != _BEFORE_NAME or "%" in name or "\\" in name:
        return None
    return name, content_type, length


@lru_cache(maxsize=4096)
def _after_name(text: str) -> tuple[str, int]:
    """Content type and length; a length of -1 is none that is as usual."""
    kind = text.rstrip(_DIGITS)
    said = text[len(kind) :]
    if kind not in _BEFORE_LENGTH or not 0 < len(said) <= 18:
        return "", -1
    return _BEFORE_LENGTH[kind], int(said)


def _parse_head(raw: bytes, index: int) -> PartHead:
    """Any legal order, case and spacing of headers."""
    first, *lines = raw.decode("utf-8", "replace").split("\r\n")
    if first.strip(" \t"):
        raise SchemaError((("body", index), "a boundary is followed by neither a line end nor --"))
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise SchemaError((("body", index), f"part header {line[:80]!r} has no colon"))
        headers[name.strip().lower()] = value.strip()
    part_name = _parameter(headers.get("content-disposition", ""), "name")
    if part_name is None:
        raise SchemaError((("body", index), "a part has no name in its Content-Disposition"))
    content_type = headers.get("content-type", "")
    said = headers.get("content-length", "")
    if parameter := _LENGTH_PARAMETER.search(content_type):
        content_type = content_type[: parameter.start()] + content_type[parameter.end() :]
        said = said or parameter[1]
    return PartHead(
        part_name,
        content_type,
        int(said) if said.isascii() and said.isdigit() else None,
    )


def _parameter(header: str, wanted: str) -> str | None:
    """One walk from parameter to parameter, up to the first damaged one."""
    at = max(0, header.find(";"))
    while (found := _PARAMETER.match(header, at)) is not None:
        name, quoted, bare = found.groups()
        if name.lower() == wanted:
            value = bare if quoted is None else quoted
            return _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], value)
        at = found.end()
    return None
