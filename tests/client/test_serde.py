"""Any Python value becomes JSON, and the same JSON that langsmith's own serde makes of it."""

import collections
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import pathlib
import re
import sys
import uuid
from typing import Any, NamedTuple

import numpy
import orjson
import pytest
from langsmith import LangSmithSecret
from langsmith._internal._serde import dumps_json
from pydantic import BaseModel, SecretStr

from runstore.client.serde import dump_json
from runstore.limits import JSON_DEPTH_MAX

UTC = datetime.UTC


class Model(BaseModel):
    name: str
    at: datetime.datetime
    secret: SecretStr = SecretStr("hidden")
    nothing: int | None = None


class Odd(BaseModel, arbitrary_types_allowed=True):
    thing: Any = None


@dataclasses.dataclass
class Point:
    x: int
    tags: set[str]


class Pair(NamedTuple):
    left: int
    right: str


class Color(enum.Enum):
    RED = "red"


class Text(str):
    __slots__ = ()


class WithDict:
    def to_dict(self) -> dict[str, Any]:
        return {"from": "to_dict"}


class Plain:
    def __repr__(self) -> str:
        return "Plain()"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def to_dict(self) -> dict[str, Any]:
        raise RuntimeError("no dict")


AT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
ID = uuid.UUID("11111111-1111-4111-8111-111111111111")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": [1, 2.5, None, True, "ü"]}, id="plain JSON"),
        pytest.param({"m": Model(name="n", at=AT)}, id="a pydantic model, secrets masked"),
        pytest.param({"m": [Odd(thing=Plain())]}, id="a model pydantic cannot make JSON of"),
        pytest.param({"m": Model}, id="a class"),
        pytest.param({"p": Point(1, {"t"})}, id="a dataclass with a set"),
        pytest.param({"p": Pair(1, "r")}, id="a NamedTuple"),
        pytest.param({"t": (1, (2, 3))}, id="tuples"),
        pytest.param({"s": {1}, "f": frozenset({"a"}), "d": collections.deque([1])}, id="sets"),
        pytest.param({"at": AT, "day": AT.date(), "naive": AT.replace(tzinfo=None)}, id="times"),
        pytest.param({"d": datetime.timedelta(seconds=1.5), "z": UTC}, id="duration and zone"),
        pytest.param({"id": ID, "e": Color.RED, "s": Text("sub")}, id="id, enum, str subclass"),
        pytest.param(
            {"i": decimal.Decimal("3"), "f": decimal.Decimal("1.25")}, id="decimals are numbers"
        ),
        pytest.param({"b": b"\x00\xff", "a": bytearray(b"x")}, id="bytes are base64"),
        pytest.param({"e": ValueError("bad")}, id="an exception"),
        pytest.param(
            {"p": pathlib.PurePosixPath("a/b"), "r": re.compile("x+")}, id="path, pattern"
        ),
        pytest.param({"ip": ipaddress.ip_address("::1")}, id="address"),
        pytest.param({"n": numpy.arange(3), "x": numpy.float64(1.5)}, id="numpy"),
        pytest.param({"n": numpy.arange(4).reshape(2, 2).T}, id="numpy, not contiguous"),
        pytest.param({"o": WithDict(), "p": Plain()}, id="to_dict, or text"),
        pytest.param({"k": LangSmithSecret("key-123")}, id="a marked secret is masked"),
        pytest.param({7: "a", None: "b", True: "c", 2.5: "d"}, id="keys that are no text"),
        pytest.param({AT: 1, ID: 2}, id="keys that are times and ids"),
        pytest.param({(1, 2): {"deep": {3: 4}}}, id="a tuple as a key"),
        pytest.param({"half": "a\ud800b"}, id="half a character"),
        pytest.param({"nan": float("nan")}, id="not a number is null"),
        pytest.param(collections.defaultdict(list, a=[1]), id="dict subclass"),
        pytest.param(collections.OrderedDict(a=Text("x")), id="ordered dict"),
    ],
)
def test_it_is_the_json_that_langsmith_writes(value: Any) -> None:
    assert orjson.loads(dump_json(value)) == orjson.loads(dumps_json(value))


def test_a_number_past_64_bits_keeps_its_digits() -> None:
    assert dump_json({"n": [2**70, -(2**70)]}) == f'{{"n":[{2**70},{-(2**70)}]}}'.encode()


def test_a_number_too_long_for_text_is_hexadecimal_text() -> None:
    number = 10 ** (sys.get_int_max_str_digits() + 10)
    assert orjson.loads(dump_json([number])) == [hex(number)]


def test_a_cycle_is_cut_where_it_closes() -> None:
    loop: dict[str, Any] = {"name": "outer"}
    loop["again"] = {"inner": loop}
    assert orjson.loads(dump_json(loop)) == {"name": "outer", "again": {"inner": "[too deep]"}}


class Linked:
    def __init__(self) -> None:
        self.other: Linked | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"other": self.other}


def test_objects_that_hold_each_other_are_cut_where_they_meet_again() -> None:
    one, two = Linked(), Linked()
    one.other, two.other = two, one
    assert orjson.loads(dump_json(one)) == {"other": {"other": "[too deep]"}}


def test_what_orjson_gives_up_on_is_cut_at_the_depth_a_server_takes() -> None:
    deep: Any = "bottom"
    for _ in range(5_000):
        deep = [deep]
    text = dump_json(deep)
    assert text.count(b"[") <= JSON_DEPTH_MAX + 1 and b"too deep" in text


def test_an_object_whose_methods_all_fail_is_its_bare_name() -> None:
    assert "Broken object at" in orjson.loads(dump_json({"b": Broken()}))["b"]


def test_a_secret_in_a_payload_orjson_refuses_is_masked_too() -> None:
    assert b"key-123" not in dump_json({2**70: LangSmithSecret("key-123"), "n": 2**70})


@pytest.mark.parametrize("hidden", [{"x": 1}, [1, 2], "text"], ids=["dict", "list", "str"])
def test_what_is_written_does_not_change_the_value(hidden: Any) -> None:
    value = {"v": hidden, 5: {1, 2}}
    before = repr(value)
    dump_json(value)
    assert repr(value) == before
