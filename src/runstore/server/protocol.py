"""uvicorn's HTTP protocol with a bound on a request's head, which it holds in memory whole."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runstore.limits import HEAD_BYTES_MAX


class BoundedHttp(HttpToolsProtocol):
    """Refuses a head that is not complete after HEAD_BYTES_MAX and what one read brought."""

    _head_bytes: int | None = 0  # of the head that is arriving; None: a body is

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.send_400_response(f"The request's head is over {HEAD_BYTES_MAX} bytes.")
