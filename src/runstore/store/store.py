"""The use cases over one engine and one folder, and the threads they share."""

from pathlib import Path

from runstore.engine.base import Engine
from runstore.limits import DECODE_THREADS, INGEST_QUEUE_BYTES_MAX
from runstore.plan.budget import Budget
from runstore.store.blobs import Blobs
from runstore.store.feedback import FeedbackRecords
from runstore.store.ingest import Clock, Commit, IngestWriter, Observer, now_us
from runstore.store.pool import Pool
from runstore.store.projects import Projects
from runstore.store.runs import Runs
from runstore.store.signing import Signer
from runstore.store.tails import Tails
from runstore.store.workers import QueryWorkers


class Store:
    """`decoders` is the pool for CPU work on what comes in. The store closes its engine."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *,
        clock: Clock = now_us,
        observer: Observer | None = None,
        ingest: IngestWriter | None = None,
        queries: QueryWorkers | None = None,
        budget: Budget | None = None,
        ingest_bytes_max: int = INGEST_QUEUE_BYTES_MAX,
    ) -> None:
        """`budget`: of each query. `ingest_bytes_max`: of ingest requests under way.

        Raises StorageError when the folder cannot be written, unless the engine only reads.
        """
        self.signer = Signer.open(folder, read_only=engine.is_read_only)
        self.blobs = Blobs(folder, engine.referenced_blobs, read_only=engine.is_read_only)
        self.clock = clock
        self.decoders = Pool(DECODE_THREADS, "runstore-decode")
        self._engine = engine
        self._queries = queries or QueryWorkers(
            budget=budget or Budget(), observe=None if observer is None else observer.queried
        )
        self.tails = Tails(engine, self._queries)
        self.ingest = ingest or IngestWriter(
            engine,
            self.decoders,
            clock=clock,
            observer=_Waking(self.tails, observer),
            blobs=self.blobs,
            queue_bytes_max=ingest_bytes_max,
        )
        self.runs = Runs(engine, self._queries, deleted=self.blobs.collect_all)
        self.projects = Projects(engine, self._queries, deleted=self.blobs.collect_all)
        self.feedback = FeedbackRecords(
            engine, self._queries, self.ingest, clock, changed=self.tails.wake
        )
        self.blobs.collect_all()  # what a killed process left

    @property
    def unready(self) -> str | None:
        """Why no runs are taken at present: "stopped", or the code of an error."""
        if not self.ingest.is_open:
            return "stopped"
        return None if self.ingest.fault is None else self.ingest.fault.code

    def close(self) -> None:
        """Write what was accepted, end what is running, close the engine. Blocks."""
        self.tails.close()
        self.ingest.close()
        self._queries.close()
        self.decoders.shutdown()
        self.blobs.close()
        self._engine.close()


class _Waking:
    """Tells the tails of what was written, then the observer."""

    def __init__(self, tails: Tails, observer: Observer | None) -> None:
        self._tails = tails
        self._observer = observer

    def committed(self, commit: Commit) -> None:
        self._tails.wake()
        if self._observer is not None:
            self._observer.committed(commit)

    def queried(self, seconds: float) -> None:
        if self._observer is not None:
            self._observer.queried(seconds)
