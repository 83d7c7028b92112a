"""URL parameters, which may repeat -> domain values. Knows no endpoint."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from runstore.errors import SchemaError
from runstore.wire.values import to_ids, to_int

T = TypeVar("T")
COUNT_MAX = 2**63 - 1  # there is never more of anything, and engines count in 64 bits


class Params:
    """An empty value counts as not given. Wrong ones raise SchemaError at ("query", name)."""

    def __init__(self, params: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in params:
            # Some HTTP clients write a list as name[]=a&name[]=b.
            self._values.setdefault(name.removesuffix("[]"), []).append(value)

    def one(self, name: str, read: Callable[[Any], T]) -> T | None:
        """The last one given."""
        values = self._values.get(name)
        if not values or not values[-1]:
            return None
        try:
            return read(values[-1])
        except ValueError as error:
            raise SchemaError((("query", name), str(error))) from None

    def count(self, name: str, default: int, *, at_least: int = 0) -> int:
        value = self.one(name, to_int)
        if value is None:
            return default
        if value < at_least:
            raise SchemaError((("query", name), f"{value} is less than {at_least}"))
        return min(value, COUNT_MAX)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """All given, without repeats."""
        return tuple(dict.fromkeys(filter(None, self._values.get(name, ())))) or None

    def ids(self, name: str) -> tuple[str, ...] | None:
        texts = self.texts(name)
        if texts is None:
            return None
        try:
            return to_ids(list(texts))
        except ValueError as error:
            raise SchemaError((("query", name), str(error))) from None
