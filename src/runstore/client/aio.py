"""AsyncClient, for asyncio: its calls are those of calls/. sync.py is its twin; neither decides."""

import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from runstore.client.aio_records import AsyncRecords
from runstore.client.asking import (
    Id,
    Moment,
    RunFilters,
    RunListing,
    StatsFilters,
    ask_runs,
)
from runstore.client.attachments import Attachment
from runstore.client.calls.resolve import Server, server_info
from runstore.client.calls.runs import delete_traces, read_attachment, read_run, run_stats
from runstore.client.calls.tail import Following, ask_tail
from runstore.client.calls.trace import read_run_with_children, read_trace
from runstore.client.http import AsyncTransport
from runstore.client.keywords import shows
from runstore.client.opening import open_async
from runstore.client.reading import RunReader
from runstore.client.run import Run
from runstore.client.runs import AsyncRuns
from runstore.client.tail import AsyncTail
from runstore.client.target import find_target
from runstore.limits import READ_SECONDS


class AsyncClient(AsyncRecords):
    """The runs of one server or folder, for asyncio.

    `target`: a URL of Runstore or LangSmith, or a folder (`./traces`, `file:///...`); by default
    LANGSMITH_ENDPOINT, then LangSmith's own address. `api_key` and `workspace_id`: by default
    LANGSMITH_API_KEY and LANGSMITH_WORKSPACE_ID. `timeout_s`: between two pieces of an answer.

    A context manager. Each event loop it is used on has connections of its own.

    Raises InvalidArgument for a target that is neither, ImportError for a folder when the engine is
    not installed. All calls raise errors of runstore.errors: Unauthorized, ConnectionFailed, ...
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | None = None,
        *,
        api_key: str | None = None,
        workspace_id: str | None = None,
        timeout_s: float = READ_SECONDS,
        transport: AsyncTransport | None = None,
    ) -> None:
        """`transport` replaces what the target would be reached by."""
        self.target = find_target(target, api_key=api_key, workspace_id=workspace_id)
        self._transport = transport or open_async(self.target, timeout_s)
        self._server = Server()
        self._open_records()
        self._reader = RunReader(self.target.host_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Sends what waits, closes its connections, lets go of its folder. May be called again."""
        await self._close_records()
        await self._transport.close()

    async def aclose(self) -> None:
        """As close()."""
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({str(self.target)!r})"

    # --- reading runs

    @shows(RunListing)
    def list_runs(self, **asked: Unpack[RunListing]) -> AsyncRuns:
        """The runs that meet all that is given, the newest first; nothing is sent until it is used.

        The arguments are LangSmith's; RunFilters says what they mean. `filter`, `trace_filter` and
        `tree_filter` are text or expressions, such as F.latency > 5. `limit` is the number of runs
        in all. What comes back is an async iterator, and has to_list(), first(), count(), pages(),
        to_arrow(), explain() and more.

        Raises TypeError for a keyword that does not exist, InvalidArgument when nothing says which
        runs; when it is used NotFound for a project that is not there, FilterError.
        """
        return AsyncRuns(self._transport, ask_runs(asked), self._server, self._reader)

    @shows(RunFilters)
    def tail(
        self,
        *,
        select: str | Iterable[str] | None = None,
        cursor: str | None = None,
        **asked: Unpack[RunFilters],
    ) -> AsyncTail:
        """Runs that meet all that is given as they arrive, and each again when it ends.

        Without an argument that says which: all runs. `project_name` may be made later. `cursor`:
        go on where an earlier tail's `.cursor` stood, "0": from the first run there is; None: what
        comes. At least once: over lost connections and restarts of the server nothing is left out.

        Raises as list_runs does; NotFound from servers that do not stream runs, as LangSmith.
        """
        following = Following(ask_tail(asked, select, cursor), self._reader.run)
        return AsyncTail(self._transport, following)

    async def read_run(
        self,
        run_id: Id,
        load_child_runs: bool = False,
        *,
        project_id: Id | None = None,
        start_time: Moment | None = None,
    ) -> Run:
        """One run; `load_child_runs`: with all below it, `child_runs` set. Raises NotFound.

        `project_id` and `start_time`, of the run, help LangSmith to find it.
        """
        if load_child_runs:
            return await self._call(
                read_run_with_children(
                    run_id,
                    self._server,
                    read=self._reader.run,
                    read_page=self._reader.page,
                    project_id=project_id,
                    start_time=start_time,
                )
            )
        return await self._call(
            read_run(run_id, self._reader.run, project_id=project_id, start_time=start_time)
        )

    async def read_trace(self, trace_id: Id, *, select: str | Iterable[str] | None = None) -> Run:
        """The root of a trace, with all its runs below it: `child_runs` is set on each.

        Raises NotFound, also as long as the root itself has not come.
        """
        return await self._call(
            read_trace(trace_id, self._server, select=select, read_page=self._reader.page)
        )

    @shows(StatsFilters)
    async def get_run_stats(
        self,
        *,
        select: str | Iterable[str] | None = None,
        group_by: str | Mapping[str, Any] | None = None,
        groups: str | Iterable[str | None] | None = None,
        **asked: Unpack[StatsFilters],
    ) -> dict[str, Any]:
        """Figures of the runs list_runs would give: {"run_count": 3, "latency_p50": 0.2, ...}.

        `group_by`: "name", "run_type", "tag" or "metadata.key"; then {group: figures}, and `groups`
        says which groups alone. `select`: which figures. Times in seconds, costs as decimal text.
        """
        ask = ask_runs(asked, "get_run_stats")
        return await self._call(run_stats(ask, select=select, group_by=group_by, groups=groups))

    async def delete_traces(
        self, trace_ids: Id | Iterable[Id], *, project_id: Id | None = None
    ) -> int | None:
        """Deletes whole traces for good; how many runs that were, None if the server says nothing.

        LangSmith needs the project they are in.
        """
        return await self._call(delete_traces(trace_ids, project_id))

    async def read_attachment(self, attachment: Attachment | str) -> bytes:
        """The content of one of `run.attachments`. Raises NotFound when its link has expired."""
        return await self._call(read_attachment(attachment))

    async def server_info(self) -> dict[str, Any]:
        """What the server says of itself: "version", "batch_ingest_config", "instance_flags"."""
        return await self._call(server_info())
