"""A module with some of its names changed, to be put in place of it in one module alone.

What is set in `time` or `asyncio` itself is seen by every thread of the process, and servers that
other tests have running wait by it.
"""

from types import ModuleType, SimpleNamespace


def standin(module: ModuleType, **changes: object) -> SimpleNamespace:
    return SimpleNamespace(**(vars(module) | changes))
