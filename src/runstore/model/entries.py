"""JSON value -> entries: every leaf as (dotted path, value).

Array positions vanish, so one path may have several values. Null leaves, empty lists and empty
objects give nothing. Values keep their JSON type: str, int, float or bool.
Source: docs/filter-language.md#entries.
"""

from typing import Any

Leaf = str | int | float | bool
Entry = tuple[str, Leaf]


def flatten(value: Any) -> list[Entry]:
    """Entries in document order. A payload that is itself a leaf has the path ""."""
    entries: list[Entry] = []
    _walk("", value, entries)
    return entries


def paths_and_texts(value: Any) -> tuple[set[str], list[str]]:
    """The distinct paths of `flatten`, and what `leaf_text` sees of its values, in another order:
    what an index needs of a payload, at a third of the price."""
    paths: set[str] = set()
    texts: list[str] = []
    left: list[tuple[str, Any]] = [("", [value])]
    while left:
        path, node = left.pop()
        if node.__class__ is dict:
            prefix = f"{path}." if path else ""
            for key, child in node.items():
                kind = child.__class__
                if kind is str:
                    paths.add(prefix + key)
                    texts.append(child)
                elif kind is dict or kind is list:
                    left.append((prefix + key, child))
                elif child is not None:
                    paths.add(prefix + key)
                    if kind is not bool:
                        texts.append(str(child))
            continue
        for child in node:
            kind = child.__class__
            if kind is str:
                paths.add(path)
                texts.append(child)
            elif kind is dict or kind is list:
                left.append((path, child))
            elif child is not None:
                paths.add(path)
                if kind is not bool:
                    texts.append(str(child))
    return paths, texts


def _walk(path: str, value: Any, entries: list[Entry]) -> None:
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for key, child in value.items():
            kind = child.__class__
            if kind is str or kind is int or kind is float or kind is bool:
                entries.append((prefix + key, child))
            elif child is not None:
                _walk(prefix + key, child, entries)
    elif isinstance(value, list):
        for child in value:
            if child is not None:
                _walk(path, child, entries)
    elif value is not None:
        entries.append((path, value))
