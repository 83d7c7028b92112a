"""Target -> transport: HTTP for a URL, the engine in this process for a folder.

The engine is an extra and lies above this layer: it is imported by name, when a folder is named.
"""

from importlib import import_module
from types import ModuleType

from runstore.client.http import AsyncTransport, SyncTransport
from runstore.client.target import Target


def open_async(target: Target, timeout_s: float) -> AsyncTransport:
    """Raises ImportError when a folder needs what is not installed."""
    if target.folder is not None:
        transport: AsyncTransport = _local(target).open_async(target.folder)
        return transport
    from runstore.client.transport import AsyncHttpTransport

    return AsyncHttpTransport(target, timeout_s=timeout_s)


def open_sync(target: Target, timeout_s: float) -> SyncTransport:
    """The same, blocking."""
    if target.folder is not None:
        transport: SyncTransport = _local(target).open_sync(target.folder)
        return transport
    from runstore.client.transport import SyncHttpTransport

    return SyncHttpTransport(target, timeout_s=timeout_s)


def _local(target: Target) -> ModuleType:
    try:
        return import_module("runstore.local")
    except ImportError as error:
        raise ImportError(
            f"{target} is a folder, and opening one needs the engine: "
            f"pip install 'runstore[server]' ({error})"
        ) from error
