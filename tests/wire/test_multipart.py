import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.errors import InvalidRequest, SchemaError
from runstore.wire.multipart import MultipartReader, PartHead, boundary_of
from tests.wire.capture import read_fixture
from tests.wire.parts import BOUNDARY, multipart, part


class Kept:
    """A PartConsumer that keeps the parts."""

    def __init__(self) -> None:
        self.parts: list[tuple[PartHead, bytes]] = []
        self._head = PartHead("", "", None)
        self._data = b""

    def whole_part(self, name: str, content_type: str, length: int | None, data: bytes) -> None:
        self.parts.append((PartHead(name, content_type, length), data))

    def begin_part(self, head: PartHead) -> None:
        self._head, self._data = head, b""

    def write_part(self, data: bytes) -> None:
        assert data
        self._data += data

    def end_part(self) -> None:
        self.parts.append((self._head, self._data))


def read(*chunks: bytes, boundary: bytes = BOUNDARY) -> list[tuple[PartHead, bytes]]:
    kept = Kept()
    reader = MultipartReader(boundary, kept)
    for chunk in chunks:
        reader.feed(chunk)
    reader.finish()
    assert reader.parts == len(kept.parts)
    return kept.parts


TRICKY = multipart(
    part("a", b'{"x": 1}'),
    part("b", b"\r\n--b0undar\r\n--\r\n--b0und", "image/png"),
    part("empty", b""),
    part("c", b"\r\n\r\n", "text/plain; charset=utf-8; length=4"),
)


def test_every_way_to_cut_a_body_gives_the_same_parts() -> None:
    whole = read(TRICKY)
    assert [head.name for head, _ in whole] == ["a", "b", "empty", "c"]
    assert whole[1][1] == b"\r\n--b0undar\r\n--\r\n--b0und"
    assert whole[3] == (PartHead("c", "text/plain; charset=utf-8", 4), b"\r\n\r\n")
    for at in range(len(TRICKY)):
        assert read(TRICKY[:at], TRICKY[at:]) == whole
    assert read(*(TRICKY[at : at + 1] for at in range(len(TRICKY)))) == whole


@given(
    contents=st.lists(st.binary(max_size=40).filter(lambda raw: BOUNDARY not in raw), max_size=5),
    size=st.integers(1, 50),
)
def test_what_is_written_is_read(contents: list[bytes], size: int) -> None:
    body = multipart(*(part(str(index), raw) for index, raw in enumerate(contents)))
    chunks = (body[at : at + size] for at in range(0, len(body), size))
    assert [raw for _, raw in read(*chunks)] == contents


# fmt: off
@pytest.mark.parametrize(("head", "taken"), [
    pytest.param('content-disposition:form-data;name=post.x\r\ncontent-length:  1',
                 PartHead("post.x", "", 1), id="small letters, no spaces, no quotes"),
    pytest.param('Content-Type: a/b\r\nContent-Disposition: form-data; name="x"',
                 PartHead("x", "a/b", None), id="another order"),
    pytest.param('Content-Disposition: form-data; filename="f;name=q"; name="x"',
                 PartHead("x", "", None), id="a file name before the name"),
    pytest.param('Content-Disposition: form-data; name="x"; filename="blob"\r\nContent-Type: a/b;'
                 ' length=1', PartHead("x", "a/b", 1), id="a blob, as JavaScript sends JSON"),
    pytest.param('Content-Disposition: form-data; name="a%22b%0D%0A"',
                 PartHead('a"b\r\n', "", None), id="a name escaped as browsers do"),
    pytest.param('Content-Disposition: form-data; name="a\\"b"',
                 PartHead('a"b', "", None), id="a name escaped with backslash"),
    pytest.param('Content-Disposition: form-data; name="a\\\\b"\r\nContent-Type: a/b',
                 PartHead('a\\b', "a/b", None), id="a backslash escaped with another"),
    pytest.param('Content-Disposition: form-data; name="a"b"',
                 PartHead('a"b', "", None), id="a quote the SDK did not escape"),
    pytest.param('Content-Disposition: form-data; name="ü"\r\nContent-Type: a/b; length=x',
                 PartHead("ü", "a/b; length=x", None), id="a length that is none"),
    pytest.param('Content-Disposition: form-data; name="x"\r\nContent-Length: -5',
                 PartHead("x", "", None), id="a negative length"),
])
# fmt: on
def test_part_headers_in_every_legal_spelling(head: str, taken: PartHead) -> None:
    body = b"--" + BOUNDARY + b" \t\r\n" + head.encode() + b"\r\n\r\n1\r\n--" + BOUNDARY + b"--"
    assert read(body) == [(taken, b"1")]
    assert read(body.replace(b" \t\r\n", b"\r\n", 1)) == [(taken, b"1")]


def test_a_preamble_and_an_epilogue_are_skipped() -> None:
    body = b"hello\r\n" + multipart(part("a", b"1")) + b"bye --" + BOUNDARY
    assert [raw for _, raw in read(body)] == [b"1"]


@pytest.mark.parametrize("end", range(len(TRICKY) - 2))
def test_a_body_cut_anywhere_ended_early(end: int) -> None:
    with pytest.raises(SchemaError, match="multipart ended early"):
        read(TRICKY[:end])


# fmt: off
@pytest.mark.parametrize(("body", "problem"), [
    pytest.param(b"--b0undaryX\r\n\r\n", "followed by neither", id="another boundary"),
    pytest.param(b"--b0undary\r\nno colon\r\n\r\n", "has no colon", id="a header without colon"),
    pytest.param(b"--b0undary\r\nContent-Type: a/b\r\n\r\n", "has no name", id="no disposition"),
    pytest.param(b"--b0undary\r\nX: " + b"y" * 20_000, "are over 16384 bytes", id="long headers"),
])
# fmt: on
def test_what_cannot_be_multipart_says_why(body: bytes, problem: str) -> None:
    with pytest.raises(SchemaError, match=problem):
        read(body)


# fmt: off
@pytest.mark.parametrize(("content_type", "boundary"), [
    ("multipart/form-data; boundary=abc", b"abc"),
    ('Multipart/Form-Data; charset=utf-8; Boundary="a b;c"', b"a b;c"),
    (read_fixture("multipart_plain").headers["Content-Type"], b"b76b455c863a45ab9c0289cbfa76f5b6"),
])
# fmt: on
def test_the_boundary_of_a_content_type(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "a; b=c"])
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidRequest, match="multipart/form-data"):
        boundary_of(content_type)


def test_a_head_full_of_open_quotes_is_read_in_one_walk() -> None:
    head = "Content-Disposition: form-data" + ';a="' * 4_000
    with pytest.raises(SchemaError, match="has no name"):
        read(b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\n")
