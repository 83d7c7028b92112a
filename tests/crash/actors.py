"""What else goes on while runs are sent, each kind by one actor with one request under way at most.

An actor knows what was acknowledged. What was under way when the server died may have happened or
not, but nothing in between: after the restart each thing stands as before that request, or as after
it, and the actor goes on from there.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import UUID

import orjson
from bench.http import Answer, Connection

from runstore.model.times import text_from_us
from tests.crash.requests import (
    JSON_HEADERS,
    REFUSED_PAUSE_S,
    START_US,
    DiskIsFull,
    Json,
    multipart,
    new_run,
    query,
    refused_unless,
    written,
)

RECORDS_MAX = 12  # of feedback, that one actor keeps
PROJECTS_MAX = 4
TRACES_MAX = 8
FORGOTTEN_MAX = 20  # things deleted last that must not come back
CONTENT_BYTES = (10, 900, 5_000, 70_000, 400_000)  # of attachments; few, so that actors share them
CONTENTS = [bytes([65 + number]) * size for number, size in enumerate(CONTENT_BYTES)]


class Actor(Protocol):
    done: int  # requests acknowledged

    def step(self, connection: Connection) -> None:
        """One request. Raises OSError when the server dies, DiskIsFull when it refuses for that
        reason, AssertionError for a wrong answer."""

    def settle(self, connection: Connection) -> list[str]:
        """After a restart: what is not as it must be. Takes over what is there."""


class _Things:
    """name -> how it stands; None: it does not exist. One of them may be uncertain."""

    def __init__(self) -> None:
        self.now: dict[str, Any] = {}
        self._name = ""
        self._after: Any = None

    @contextmanager
    def becomes(self, name: str, after: Any) -> Iterator[None]:
        self._name, self._after = name, after
        self.now.setdefault(name, None)
        try:
            yield  # an error leaves it uncertain
        except DiskIsFull:
            self._name = ""  # but this one says that nothing has changed
            raise
        self.now[name] = after
        self._name = ""

    def living(self) -> list[str]:
        return [name for name, state in self.now.items() if state is not None]

    def take(self, name: str, found: Any) -> bool:
        """Whether it may stand like this; it does from now on."""
        expected = [self.now[name]]
        if name == self._name:
            expected.append(self._after)
        is_right = found in expected
        self.now[name] = found
        return is_right

    def settled(self) -> None:
        self._name = ""
        gone = [name for name, state in self.now.items() if state is None]
        for name in gone[:-FORGOTTEN_MAX]:
            del self.now[name]


class FeedbackActor:
    """Creates, changes and deletes feedback on a run of its own."""

    def __init__(self, seed: str) -> None:
        self._draw = random.Random(f"feedback {seed}")
        self._things = _Things()
        self._run = new_run(self._draw)
        self._is_there = False
        self.done = 0

    def step(self, connection: Connection) -> None:
        if not self._is_there:  # a repeat changes nothing
            _send(connection, "POST", "/runs", self._run)
            self._is_there = True
        draw, living = self._draw, self._things.living()
        score = draw.randrange(100)
        what = draw.random()
        if what < 0.4 and len(living) < RECORDS_MAX or not living:
            record = str(UUID(int=draw.getrandbits(128), version=4))
            body = {"id": record, "run_id": self._run["id"], "key": "rated", "score": score}
            with self._things.becomes(record, score):
                _send(connection, "POST", "/feedback", body)
        elif what < 0.8:
            record = draw.choice(living)
            with self._things.becomes(record, score):
                _send(connection, "PATCH", f"/feedback/{record}", {"score": score})
        else:
            record = draw.choice(living)
            with self._things.becomes(record, None):
                _send(connection, "DELETE", f"/feedback/{record}")
        self.done += 1

    def settle(self, connection: Connection) -> list[str]:
        if not self._is_there:
            return []
        lines = []
        for record in list(self._things.now):
            answer = connection.request("GET", f"/feedback/{record}")
            refused_unless(answer, 200, 404)
            found = orjson.loads(answer.body)["score"] if answer.status == 200 else None
            if not self._things.take(record, found):
                lines.append(f"feedback {record}: its score is {found}")
        self._things.settled()
        (run,) = query(connection, {"id": [self._run["id"]], "select": ["feedback_stats"]})
        scores = [self._things.now[record] for record in self._things.living()]
        stats = (run["feedback_stats"] or {}).get("rated") or {"n": 0, "avg": None}
        mean = sum(scores) / len(scores) if scores else None
        off = 0.0 if mean is None or stats["avg"] is None else abs(stats["avg"] - mean)
        if stats["n"] != len(scores) or off > 1e-9:
            lines.append(f"feedback is counted as {stats}, and is {scores}")
        return lines


class ProjectActor:
    """Makes projects, renames them, sends runs into them, deletes them with all."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._draw = random.Random(f"projects {seed}")
        self._things = _Things()  # first name -> (description, ids of its runs)
        self._made = 0
        self.done = 0

    def step(self, connection: Connection) -> None:
        draw, living = self._draw, self._things.living()
        what = draw.random()
        if what < 0.2 and len(living) < PROJECTS_MAX or not living:
            self._made += 1
            name = f"crash {self._seed} {self._made}"
            with self._things.becomes(name, (None, frozenset())):
                _send(connection, "POST", "/sessions", {"name": name})
        else:
            self._change(connection, draw.choice(living), what)
        self.done += 1

    def _change(self, connection: Connection, name: str, what: float) -> None:
        said, runs = self._things.now[name]
        if what < 0.4:
            said = f"says {self._draw.randrange(1_000)}"
            with self._things.becomes(name, (said, runs)):
                path = f"/sessions/{self._id(connection, name)}"
                _send(connection, "PATCH", path, {"description": said})
        elif what < 0.85:
            new = [new_run(self._draw, session_name=name) for _ in range(3)]
            with self._things.becomes(name, (said, runs | {run["id"] for run in new})):
                _send(connection, "POST", "/runs/batch", {"post": new, "patch": []})
        else:
            with self._things.becomes(name, None):
                _send(connection, "DELETE", f"/sessions/{self._id(connection, name)}")

    def _id(self, connection: Connection, name: str) -> str:
        found = self._found(connection, name)
        assert found is not None, f"project {name!r} is not there"
        return str(found["id"])

    def _found(self, connection: Connection, name: str) -> Json | None:
        answer = connection.request("GET", f"/sessions?name={name.replace(' ', '%20')}")
        refused_unless(answer, 200)
        projects: list[Json] = orjson.loads(answer.body)
        return projects[0] if projects else None

    def settle(self, connection: Connection) -> list[str]:
        lines = []
        for name, before in list(self._things.now.items()):
            project = self._found(connection, name)
            found = None
            if project is not None:
                runs = query(connection, {"session": [project["id"]], "select": ["id"]})
                found = (project["description"], frozenset(run["id"] for run in runs))
            elif before is not None and before[1]:
                left = query(connection, {"id": list(before[1]), "select": ["id"]})
                if left:
                    lines.append(f"project {name!r} is gone, and {len(left)} of its runs are not")
            if not self._things.take(name, found):
                lines.append(f"project {name!r} is {found}, and was {before}")
        self._things.settled()
        return lines


class TraceActor:
    """Sends traces with attachments, adds attachments, deletes traces. Contents are shared."""

    def __init__(self, seed: str) -> None:
        self._draw = random.Random(f"traces {seed}")
        self._things = _Things()  # trace -> {run: {name of an attachment: content}}
        self.done = 0

    def step(self, connection: Connection) -> None:
        draw, living = self._draw, self._things.living()
        what = draw.random()
        if what < 0.4 and len(living) < TRACES_MAX or not living:
            self._create(connection)
        elif what < 0.7:
            self._add(connection, draw.choice(living))
        else:
            trace = draw.choice(living)
            with self._things.becomes(trace, None):
                _send(connection, "POST", "/runs/delete", {"trace_ids": [trace]})
        self.done += 1

    def _create(self, connection: Connection) -> None:
        root = new_run(self._draw)
        runs = [root, *(new_run(self._draw, below=root) for _ in range(self._draw.randrange(3)))]
        parts = [(f"post.{run['id']}", orjson.dumps(run)) for run in runs]
        after: dict[str, dict[str, int]] = {run["id"]: {} for run in runs}
        for run in runs:
            if self._draw.random() < 0.7:
                content = self._draw.randrange(len(CONTENTS))
                after[run["id"]]["first"] = content
                parts.append((f"attachment.{run['id']}.first", CONTENTS[content]))
        with self._things.becomes(root["id"], after):
            _send_parts(connection, parts)

    def _add(self, connection: Connection, trace: str) -> None:
        before = self._things.now[trace]
        run = self._draw.choice(list(before))
        content = self._draw.randrange(len(CONTENTS))
        name = self._draw.choice(("first", "second"))
        patch = {"id": run, "end_time": text_from_us(START_US + 1_000_000)}
        parts = [
            (f"patch.{run}", orjson.dumps(patch)),
            (f"attachment.{run}.{name}", CONTENTS[content]),
        ]
        with self._things.becomes(trace, {**before, run: {**before[run], name: content}}):
            _send_parts(connection, parts)

    def settle(self, connection: Connection) -> list[str]:
        lines = []
        for trace, before in list(self._things.now.items()):
            runs = query(connection, {"trace": trace, "select": ["id", "s3_urls"]})
            found = {run["id"]: _contents(connection, run) for run in runs} or None
            if not self._things.take(trace, found):
                lines.append(f"trace {trace} is {found}, and was {before}")
        self._things.settled()
        return lines


def _contents(connection: Connection, run: Json) -> dict[str, int | str]:
    found: dict[str, int | str] = {}
    for name, link in (run["s3_urls"] or {}).items():
        answer = connection.request("GET", link["presigned_url"])
        is_known = answer.status == 200 and answer.body in CONTENTS
        found[name.removeprefix("attachment.")] = (
            CONTENTS.index(answer.body)
            if is_known
            else f"{answer.status}, {len(answer.body)} bytes"
        )
    return found


_QUESTIONS: tuple[tuple[str, Json], ...] = (
    ("/runs/stats", {}),
    ("/runs/query", {"filter": 'search("error")', "limit": 20}),
    ("/runs/query", {"filter": "gt(latency, 1)", "limit": 50}),
    ("/runs/query", {"is_root": True, "limit": 100}),
)


class ReadingActor:
    """Asks for pages, figures and lists, and walks through everything as an export does."""

    def __init__(self, seed: str) -> None:
        self._draw = random.Random(f"reading {seed}")
        self._cursor: str | None = None
        self._seen: set[str] = set()
        self.done = 0

    def step(self, connection: Connection) -> None:
        answer = connection.request("GET", "/sessions?include_stats=true&name=default")
        refused_unless(answer, 200)
        projects = orjson.loads(answer.body)
        session = [project["id"] for project in projects] or [str(UUID(int=0))]
        path, body = self._draw.choice(_QUESTIONS)
        _ask(connection, path, {**body, "session": session})
        if projects:
            self._walk(connection, session)
        self.done += 1

    def _walk(self, connection: Connection, session: list[str]) -> None:
        asked = {"session": session, "limit": 100, "cursor": self._cursor}
        page = orjson.loads(_ask(connection, "/runs/query", asked).body)
        ids = {run["id"] for run in page["runs"]}
        assert not ids & self._seen, "a walk gave a run twice"
        self._cursor = page["cursors"].get("next")
        self._seen = self._seen | ids if self._cursor else set()

    def settle(self, connection: Connection) -> list[str]:
        self._cursor, self._seen = None, set()  # what went on while it was down is between pages
        return []


def actors(seed: str) -> list[Actor]:
    return [
        FeedbackActor(seed),
        ProjectActor(seed),
        TraceActor(f"{seed} a"),
        TraceActor(f"{seed} b"),
        ReadingActor(seed),
    ]


class Stage:
    """Actors at work, each in a thread, until the server dies or `stop`."""

    def __init__(self, port: int, cast: list[Actor]) -> None:
        self.wrong: list[str] = []
        self.refused: list[str] = []  # whom, for want of room
        self._port = port
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._act, args=(one,)) for one in cast]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _act(self, actor: Actor) -> None:
        try:
            with Connection(self._port) as connection:
                while not self._stopping.is_set():
                    self._step(actor, connection)
        except OSError:
            return  # the server is dead
        except AssertionError as error:
            self.wrong.append(f"{type(actor).__name__}: {error}")

    def _step(self, actor: Actor, connection: Connection) -> None:
        try:
            actor.step(connection)
        except DiskIsFull:
            self.refused.append(type(actor).__name__)
            self._stopping.wait(REFUSED_PAUSE_S)


def _ask(connection: Connection, path: str, body: Json) -> Answer:
    answer = connection.request("POST", path, orjson.dumps(body), JSON_HEADERS)
    refused_unless(answer, 200)
    return answer


def _send(connection: Connection, method: str, path: str, body: Json | None = None) -> None:
    raw = b"" if body is None else orjson.dumps(body)
    written(connection.request(method, path, raw, JSON_HEADERS), 200, 202)


def _send_parts(connection: Connection, parts: list[tuple[str, bytes]]) -> None:
    body, headers = multipart(parts)
    written(connection.request("POST", "/runs/multipart", body, headers), 202)
