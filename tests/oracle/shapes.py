"""Forests with the shapes of real agents, told of as wildly as those of forests.py."""

from random import Random
from typing import Any

from runstore.model.jsontext import encode
from runstore.model.run import JsonText, RunMessage
from runstore.model.times import US_PER_S
from tests.filter import strategies as words
from tests.oracle.forests import Forest, Grower, Placed

DAY_US = 24 * 60 * 60 * US_PER_S
MIB = 1024 * 1024


class Deep(Grower):
    """Calls inside calls: nearly each run is the child of the one before."""

    def _placed(self, run_id: str, tree: list[Placed]) -> Placed:
        if not tree or self.random.random() < 0.03:
            return self._root(run_id)
        return self._child(run_id, tree[-1 if self.random.random() < 0.9 else -2 :][0])


class Day(Grower):
    """Traces that last a day, so that runs of one are far apart and those of several mix."""

    def _placed(self, run_id: str, tree: list[Placed]) -> Placed:
        if len(tree) < 3:
            return self._root(run_id)
        return self._child(run_id, self.random.choice(tree))

    def _start_us(self) -> int:
        return words.STARTS_US[0] + self.random.randrange(DAY_US)

    def _latency_us(self) -> int:
        return self.random.choice((*words.LATENCIES_US, DAY_US // 2, DAY_US))


class Retries(Grower):
    """Attempts side by side with one name, of which the last may succeed; each is told twice, as
    a client does that got no answer."""

    def _placed(self, run_id: str, tree: list[Placed]) -> Placed:
        if not tree or self.random.random() < 0.1:
            return self._root(run_id)
        before = tree[-1]
        if before.parent is not None and self.random.random() < 0.7:
            parents = [place for place in tree if place.run_id == before.parent]
            return self._child(run_id, parents[0], start_us=before.start_us + US_PER_S)
        return self._child(run_id, before)

    def _messages(self, place: Placed) -> list[RunMessage]:
        messages = super()._messages(place)
        for message in messages:
            message.name = "search tool"
            if place.parent is not None and self.random.random() < 0.7:
                message.error, message.status = words.ERRORS[1], None
        return messages + messages


class Huge(Grower):
    """One trace that has nearly all the runs, many of them right below its root."""

    def _placed(self, run_id: str, tree: list[Placed]) -> Placed:
        if not tree or self.random.random() < 0.01:
            return self._root(run_id)
        return self._child(run_id, tree[0] if self.random.random() < 0.5 else tree[-1])

    def _start_us(self) -> int:
        return words.STARTS_US[0] + self.random.randrange(60 * US_PER_S)


class Big(Grower):
    """Payloads of megabytes: one long text, and very many short ones."""

    big_bytes = MIB

    def _payload(self, often: float) -> JsonText | None:
        if self.random.random() < 0.1:
            return encode(self._big())
        return super()._payload(often)

    def _big(self) -> dict[str, Any]:
        text = self.random.choice(words.TEXTS) or "-"
        if self.random.random() < 0.5:
            return {"k": (text + " ") * (self.big_bytes // (len(text.encode()) + 1))}
        entry = {"role": text, "content": self.random.choice(words.VALUES)}
        return {"a": [entry] * (self.big_bytes // (len(encode(entry)) + 1))}


class Vast(Big):
    """Two payloads as large as a request may be."""

    big_bytes = 20 * MIB
    left = 2

    def _payload(self, often: float) -> JsonText | None:
        if not self.left:
            return Grower._payload(self, often)
        self.left -= 1
        return encode(self._big())


class Orphans(Grower):
    """Runs whose ancestors come late or, most of them, never."""

    def _messages(self, place: Placed) -> list[RunMessage]:
        has_children = self.random.random() < 0.6
        return [] if has_children else super()._messages(place)


class Late(Grower):
    """Everything is told backwards: patches before posts, children before parents."""

    def _shuffle(self, messages: list[RunMessage]) -> None:
        messages.reverse()

    def _messages(self, place: Placed) -> list[RunMessage]:
        messages = super()._messages(place)
        self.random.shuffle(messages)
        return messages


ODD = (  # texts that change with case or form, run the other way, or are no letters at all
    "\u0130stanbul", "\u0131I", "\ufb01ne", "\u1e9e", "\u00c5", "A\u030a", "\u212b",
    "\u03a9 \u2126", "\u03a3\u0391\u03a3 \u03c3\u03b1\u03c2", "zero\u200bwidth",
    "\u05e2\u05d1\u05e8\u05d9\u05ea", "\u202eabc", "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f642", "a\x00b", "\u01c5", "\uff46\uff55ll", "\u00bd \u00b2", "line\u2028end",
    "\U0010ffff", "\ud55c\uae00", "\u0e44\u0e17\u0e22", "\u00e9", "e\u0301", "\ufeffbom",
    "\U00020bb7\u91ce",
)  # fmt: skip


class Unicode(Grower):
    """The texts of ODD as names, errors, tags, keys and values, single and in others."""

    def _odd(self) -> str:
        return " ".join(self.random.choices(ODD, k=self.random.choice((1, 1, 1, 2, 5))))

    def _value(self, depth: int = 0) -> Any:
        return self._odd() if self.random.random() < 0.4 else super()._value(depth)

    def _key(self) -> str:
        return self.random.choice(ODD) if self.random.random() < 0.3 else super()._key()

    def _messages(self, place: Placed) -> list[RunMessage]:
        messages = super()._messages(place)
        for message in messages:
            message.name = self._odd() if self.random.random() < 0.5 else message.name
            message.error = self._odd() if self.random.random() < 0.2 else message.error
            if self.random.random() < 0.4:
                message.tags = tuple(dict.fromkeys((*(message.tags or ()), self._odd())))
        return messages


SHAPES: dict[str, type[Grower]] = {
    "mixed": Grower,
    "deep": Deep,
    "day": Day,
    "retries": Retries,
    "huge": Huge,
    "big": Big,
    "vast": Vast,
    "orphans": Orphans,
    "late": Late,
    "unicode": Unicode,
}


def shaped(shape: str, seed: int, runs: int = 60) -> Forest:
    return SHAPES[shape](Random(seed)).grow(runs)
