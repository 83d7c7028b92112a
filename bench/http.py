"""HTTP/1.1 over one kept-alive socket, as cheap as a client can be.

The benchmark's client shares the machine with the server it measures; a full HTTP library would
take a third of it. Knows Content-Length and chunked answers, nothing else.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_RECEIVE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class Connection:
    def __init__(self, port: int, timeout_s: float = 120.0) -> None:
        self._host = f"127.0.0.1:{port}"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""  # read past the last answer

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Raises OSError, ConnectionError among them, when the server goes away."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        self._socket.sendall("\r\n".join(lines).encode() + body)
        return self._answer()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> Answer:
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, self._chunks())
        return Answer(status, headers, self._exactly(int(headers.get("content-length", "0"))))

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            chunks.append(self._exactly(size))
            self._exactly(2)
        self._until(b"\r\n")
        return b"".join(chunks)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._left:
            self._left += self._receive()
        found, _, self._left = self._left.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        parts, have = [self._left], len(self._left)
        while have < size:
            parts.append(self._receive())
            have += len(parts[-1])
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]

    def _receive(self) -> bytes:
        received = self._socket.recv(_RECEIVE_BYTES)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received
