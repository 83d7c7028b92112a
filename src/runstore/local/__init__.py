"""A folder as the target of a client: the server's own app in this process, without a socket."""

from runstore.local.transport import open_async, open_sync

__all__ = ["open_async", "open_sync"]
