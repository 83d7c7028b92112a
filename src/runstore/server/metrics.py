"""What happens in one app -> Prometheus figures in a registry of its own.

Table of the figures: docs/operations.md#metrics.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from runstore.store.ingest import Commit

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
ENDLESS = "/runs/tail"  # how long it takes is up to the client
MESSAGES = (1, 10, 50, 100, 200, 500, 1_000, 2_000, 4_000)


class Metrics:
    """The store's Observer, and what the request log tells."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"runstore_{name}", meaning, labels, registry=self.registry)

        def histogram(
            name: str, meaning: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
        ) -> Histogram:
            return Histogram(
                f"runstore_{name}", meaning, labels, registry=self.registry, buckets=buckets
            )

        self._requests = counter(
            "http_requests", "Requests answered.", ("method", "route", "status")
        )
        self._request_seconds = histogram(
            "http_request_seconds", "From first byte in to last byte out.", SECONDS, ("route",)
        )
        self._query_seconds = histogram(
            "query_seconds", "Engine calls that read, the wait for a thread included.", SECONDS
        )
        self._commit_seconds = histogram("commit_seconds", "Time of one transaction.", SECONDS)
        self._commit_messages = histogram("commit_messages", "Messages in one.", MESSAGES)
        self._commit_failures = counter("commit_failures", "Transactions that failed.")
        self._messages = counter("ingest_messages", "Creates and patches committed.")
        self._feedback = counter("ingest_feedback", "Feedback records committed.")
        self._refused = counter("ingest_refused", "Messages refused, each named to its sender.")
        self._bytes = counter("ingest_bytes", "Bytes committed, decoded, about.")

    def watch_queue(
        self,
        queue_bytes: Callable[[], int],
        requests: Callable[[], int],
        line: Callable[[], int],
    ) -> None:
        """Gauges that are asked when the figures are read."""
        Gauge(
            "runstore_ingest_queue_bytes",
            "Bytes of ingest requests under way; past the bound ingest answers 429.",
            registry=self.registry,
        ).set_function(queue_bytes)
        Gauge(
            "runstore_ingest_queue_requests",
            "Requests that wait for the writer.",
            registry=self.registry,
        ).set_function(requests)
        Gauge(
            "runstore_ingest_line_requests",
            "Requests that wait for room; in vain for a few seconds, 429.",
            registry=self.registry,
        ).set_function(line)

    def watch_tails(self, count: Callable[[], int]) -> None:
        Gauge(
            "runstore_tails", "Tails that are open; past the bound 429.", registry=self.registry
        ).set_function(count)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        if route != ENDLESS:
            self._request_seconds.labels(route).observe(seconds)

    def queried(self, seconds: float) -> None:
        self._query_seconds.observe(seconds)

    def refused(self, messages: int) -> None:
        """Refused before the engine saw them."""
        self._refused.inc(messages)

    def committed(self, commit: Commit) -> None:
        if commit.failed:
            self._commit_failures.inc()
            return
        self._commit_seconds.observe(commit.seconds)
        self._commit_messages.observe(commit.messages)
        self._messages.inc(commit.messages - commit.refused)
        self._feedback.inc(commit.feedback)
        self._refused.inc(commit.refused)
        self._bytes.inc(commit.bytes)

    def text(self) -> bytes:
        return generate_latest(self.registry)
