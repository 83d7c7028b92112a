"""A TypedDict of keywords -> the signature that help() and editors show. Changes no behaviour."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

F = TypeVar("F", bound=Callable[..., Any])


def shows(keywords: type) -> Callable[[F], F]:
    """For a method whose `**` argument is Unpack[keywords]: they are shown one by one."""

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        kept = [
            one
            for one in signature.parameters.values()
            if one.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if kind is bool else None,
                annotation=kind,
            )
            for name, kind in get_type_hints(keywords).items()
        ]
        shown = signature.replace(parameters=[*kept, *added])
        setattr(function, "__signature__", shown)  # noqa: B010  # a function has no such attribute
        return function

    return decorate
