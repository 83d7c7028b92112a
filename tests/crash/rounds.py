"""A round: requests of all kinds from several threads, SIGKILL in their midst, restart, check, send
what broke off again.

The kill comes at a random moment of one of these:

    load    requests of all kinds are under way
    idle    none is, and the writer tidies up
    stop    a graceful stop is under way, and requests with it
    start   and again while the folder is opened: schema made, log recovered, strays removed
    full    the disk is full, or was and has room again; what was refused is being sent again
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bench.http import Connection
from bench.server import Server, ServerError

from runstore.benchmark.agents import Agent, Trace
from runstore.benchmark.encode import compress, encode_feedback, encode_run, headers, join
from runstore.benchmark.generate import PATCHED_SHARE, as_patched, as_started, without_nulls
from runstore.benchmark.vocabulary import Vocabulary
from runstore.engine.sqlite.lock import writer_of
from runstore.limits import IDLE_SECONDS
from runstore.store.verify import verify_folder
from tests.crash.actors import Actor, Stage, actors
from tests.crash.disk import Disk
from tests.crash.ledger import MARK_KEY, Expected, Ledger, problems
from tests.crash.requests import REFUSED_PAUSE_S, START_US, DiskIsFull, written

SENDERS = 4
OPERATIONS_PER_BODY = 20  # small, so that a kill falls between and into many requests
KILL_AFTER_S = (0.0, 0.8)  # after the first answer of the round
KILL_IDLE_S = (IDLE_SECONDS, IDLE_SECONDS + 0.3)  # after the last answer: tidying takes so long
KILL_STOPPING_S = (0.0, 0.3)  # after SIGTERM
KILL_FULL_S = (0.0, 0.6)  # after the disk is full, and after it has room again
LEFT_BYTES_MAX = 256 * 1024  # on the full disk
KILL_OPENING_S = (0.0, 0.06)  # after it has begun to open the folder
FIRST_ANSWER_SECONDS_MAX = 20.0

Acknowledge = Callable[[], None]


class Moment(StrEnum):
    LOAD = "load"
    IDLE = "idle"
    STOP = "stop"
    START = "start"
    FULL = "full"


MOMENTS = (*[Moment.LOAD] * 5, Moment.IDLE, Moment.STOP, *[Moment.START] * 2)


@dataclass(slots=True)
class Request:
    body: bytes
    size_before: int
    on_acknowledged: list[Acknowledge]
    acknowledged: bool = False


@dataclass(slots=True)
class Outcome:
    """What a round came to."""

    requests: int = 0
    acknowledged: int = 0
    broken: int = 0  # under way when the server died
    others: int = 0  # requests of the actors that were acknowledged
    refused: int = 0  # times that something was, for want of room
    moment: Moment = Moment.LOAD
    kills: int = 1
    opening_s: float = 0.0  # until it listened again
    problems: list[str] = field(default_factory=list)


def damages(data: Path, *, fast: bool = False) -> list[str]:
    """What `runstore check` finds wrong with a folder."""
    return [
        f"{found.name}: {problem}"
        for found in verify_folder(data, fast=fast)
        for problem in found.problems
        # A killed server leaves content of requests it had refused; the next start removes it.
        if not (fast and found.name == "strays")
    ]


class Rounds:
    """Kills one server on one folder, again and again."""

    def __init__(
        self, server: Server, seed: int, runs_per_round: int, disk: Disk | None = None
    ) -> None:
        """`disk`: the one the folder is on, where Moment.FULL is to be tried."""
        self._server = server
        self._disk = disk
        self._draw = random.Random(f"crash {seed}")
        self._agent = Agent(seed, Vocabulary(seed))
        self._runs_per_round = runs_per_round
        self._cast: list[Actor] = actors(str(seed))
        self.ledger = Ledger()

    def use(self, server: Server) -> None:
        """Another process on the same folder from now on."""
        self._server = server

    def run(self, number: int, moment: Moment | None = None) -> Outcome:
        """One kill, or a few; at a moment drawn by the seed unless it is said."""
        outcome = Outcome(moment=moment or self._draw.choice(MOMENTS))
        mark = f"mark{number:04d}x"
        waiting = list(self._requests(mark))
        before = sum(actor.done for actor in self._cast)
        sent = self._send_until_killed(waiting, outcome)
        outcome.requests = len(waiting)
        outcome.acknowledged = sum(request.acknowledged for request in waiting)
        outcome.broken = sum(not request.acknowledged for request in sent)
        outcome.others = sum(actor.done for actor in self._cast) - before
        outcome.problems += damages(self._server.data, fast=True)
        if outcome.moment is Moment.START:
            self._kill_while_opening()
            outcome.kills += 1
        self._restart(outcome)
        outcome.problems += problems(self._server.port, self.ledger, mark)
        # The SDK sends again what broke off; parts of it may have been stored the first time.
        with Connection(self._server.port) as connection:
            for actor in self._cast:
                outcome.problems += actor.settle(connection)
            for request in sent:
                if not request.acknowledged:
                    _send(connection, request)
        return outcome

    def check_everything(self) -> list[str]:
        return problems(self._server.port, self.ledger)

    def _restart(self, outcome: Outcome) -> None:
        started = time.monotonic()
        self._server.start()
        outcome.opening_s = time.monotonic() - started

    def _kill_while_opening(self) -> None:
        pause = self._draw.uniform(*KILL_OPENING_S)
        known = writer_of(self._server.data)

        def kill() -> None:
            deadline = time.monotonic() + FIRST_ANSWER_SECONDS_MAX
            # Its card is the first thing an opening process writes.
            while writer_of(self._server.data) in (known, None) and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(pause)
            self._server.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            self._server.start()
        except ServerError:
            pass  # killed before it listened, as nearly always
        finally:
            killer.join()

    def _send_until_killed(self, waiting: list[Request], outcome: Outcome) -> list[Request]:
        """The requests that were sent, answered or not."""
        sent: list[Request] = []
        refused: list[AssertionError] = []
        no_room: list[Request] = []
        hand_out = threading.Lock()
        left = iter(waiting)

        def sender() -> None:
            try:
                with Connection(self._server.port) as connection:
                    while True:
                        with hand_out:
                            request = next(left, None)
                            if request is None:
                                return
                            sent.append(request)
                        while not _sent(connection, request):
                            no_room.append(request)
                            time.sleep(REFUSED_PAUSE_S)
            except OSError:
                return  # the server is dead
            except AssertionError as error:
                refused.append(error)

        stage = Stage(self._server.port, self._cast)
        senders = [threading.Thread(target=sender) for _ in range(SENDERS)]
        for thread in senders:
            thread.start()
        deadline = time.monotonic() + FIRST_ANSWER_SECONDS_MAX
        while not any(request.acknowledged for request in waiting):
            assert time.monotonic() < deadline, f"no answer yet\n{self._server.log()[-2_000:]}"
            time.sleep(0.005)
        time.sleep(self._draw.uniform(*KILL_AFTER_S))
        if outcome.moment is Moment.IDLE:
            stage.stop()
            for thread in senders:
                thread.join()
            time.sleep(self._draw.uniform(*KILL_IDLE_S))
        elif outcome.moment is Moment.STOP:
            os.kill(self._server.pid, signal.SIGTERM)
            time.sleep(self._draw.uniform(*KILL_STOPPING_S))
        elif outcome.moment is Moment.FULL:
            self._fill_disk()
        self._server.kill()
        for thread in senders:
            thread.join()
        stage.stop()
        if self._disk is not None:
            self._disk.free()
        outcome.refused = len(no_room) + len(stage.refused)
        stopping = outcome.moment is Moment.STOP
        outcome.problems += [] if stopping else [*map(str, refused), *stage.wrong]
        return sent

    def _fill_disk(self) -> None:
        assert self._disk is not None, "nothing else may be on the disk that is filled"
        self._disk.fill(leave=self._draw.randrange(LEFT_BYTES_MAX))
        time.sleep(self._draw.uniform(*KILL_FULL_S))
        if self._draw.random() < 0.5:
            self._disk.free()
            time.sleep(self._draw.uniform(*KILL_FULL_S))

    def _requests(self, mark: str) -> Iterator[Request]:
        """Bodies of creates, patches and feedback; a patch is in a later body than its create."""
        operations: list[tuple[bytes, Acknowledge]] = []
        patches: list[tuple[bytes, Acknowledge]] = []
        for trace in self._traces(mark):
            for run in trace.runs:
                in_one = self._draw.random() >= PATCHED_SHARE
                expected = Expected(run, in_one, mark)
                self.ledger.runs[run["id"]] = expected
                create = without_nulls(run) if in_one else as_started(run)
                operations.append((encode_run("post", create), _setter(expected, "created")))
                if not in_one:
                    patch = encode_run("patch", as_patched(run))
                    patches.append((patch, _setter(expected, "patched")))
            for feedback in trace.feedback:
                if feedback["key"] == "user_score":
                    expected = self.ledger.runs[feedback["run_id"]]
                    expected.score = feedback["score"]
                    operations.append((encode_feedback(feedback), _setter(expected, "scored")))
            while len(operations) >= OPERATIONS_PER_BODY:
                yield _request(operations[:OPERATIONS_PER_BODY])
                operations = patches + operations[OPERATIONS_PER_BODY:]
                patches = []
        for rest in (operations, patches):
            if rest:
                yield _request(rest)

    def _traces(self, mark: str) -> Iterator[Trace]:
        runs = 0
        while runs < self._runs_per_round:
            talk = self._agent.new_conversation()
            trace = self._agent.turn(talk, START_US + self._draw.randrange(10**12))
            for run in trace.runs:
                run["tags"].append(mark)
                run["extra"]["metadata"][MARK_KEY] = mark
            runs += len(trace.runs)
            yield trace


def _setter(expected: Expected, name: str) -> Acknowledge:
    return lambda: setattr(expected, name, True)


def _request(operations: list[tuple[bytes, Acknowledge]]) -> Request:
    body = join(parts for parts, _ in operations)
    return Request(compress(body), len(body), [acknowledge for _, acknowledge in operations])


def _send(connection: Connection, request: Request) -> None:
    """Raises OSError when the server dies, DiskIsFull."""
    fields = headers(request.size_before, len(request.body))
    answer = connection.request("POST", "/runs/multipart", request.body, fields)
    written(answer, 202)
    request.acknowledged = True
    for acknowledge in request.on_acknowledged:
        acknowledge()


def _sent(connection: Connection, request: Request) -> bool:
    """Unless there was no room for it. Raises OSError."""
    try:
        _send(connection, request)
    except DiskIsFull:
        return False
    return True
