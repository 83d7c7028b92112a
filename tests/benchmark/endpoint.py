"""Another server of the protocol: ours behind one that takes less, is busy, and refuses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import orjson

BUSY = 3  # as many questions are told to come later
_INFO = {"version": "0.9", "batch_ingest_config": {"size_limit": 40}, "instance_flags": {}}


class Endpoint:
    """Has no /runs/multipart, takes 40 operations in a batch, knows no full text search."""

    def __init__(self, behind: str, *, takes_runs: bool) -> None:
        self.busy_left = BUSY
        self.batches: list[int] = []  # operations of each
        self._takes_runs = takes_runs
        self._behind = httpx2.Client(base_url=behind)
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        path = target.partition("?")[0]
        if path == "/info":
            return 200, orjson.dumps(_INFO)
        if path == "/runs/multipart":
            return 404, b'{"detail": "Not Found"}'
        if path == "/runs/batch":
            if not self._takes_runs:
                return 422, b'{"detail": "no more runs this month"}'
            read = orjson.loads(body)
            self.batches.append(len(read["post"]) + len(read["patch"]))
        if path == "/runs/query":
            with self._lock:
                self.busy_left -= 1
                if self.busy_left >= 0:
                    return 429, b'{"detail": "Rate limit exceeded"}'
            if b"search(" in body:
                return 400, b'{"detail": "search is not supported"}'
        headers = {"Content-Type": "application/json"} if body else {}
        answer = self._behind.request(method, target, content=body or None, headers=headers)
        return answer.status_code, answer.content

    def close(self) -> None:
        self._behind.close()


@contextmanager
def serve_endpoint(behind: str, *, takes_runs: bool = True) -> Iterator[tuple[Endpoint, str]]:
    """The endpoint and its URL. `behind`: the URL of the server that does the work."""
    endpoint = Endpoint(behind, takes_runs=takes_runs)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = endpoint.answer(self.command, self.path, body)
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0.01")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        endpoint.close()
