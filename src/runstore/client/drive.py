"""A call and a transport -> the call's result. Faults are thrown into the call, which may act."""

from runstore.client.http import AsyncTransport, Steps, SyncTransport, T
from runstore.errors import RunstoreError


async def drive_async(steps: Steps[T], transport: AsyncTransport) -> T:
    """Raises what the call raises: by default whatever the transport does."""
    try:
        request = next(steps)
        while True:
            try:
                response = await transport.send(request)
            except RunstoreError as error:
                request = steps.throw(error)
            else:
                request = steps.send(response)
    except StopIteration as done:
        result: T = done.value
        return result


def drive(steps: Steps[T], transport: SyncTransport) -> T:
    """The same, blocking."""
    try:
        request = next(steps)
        while True:
            try:
                response = transport.send(request)
            except RunstoreError as error:
                request = steps.throw(error)
            else:
                request = steps.send(response)
    except StopIteration as done:
        result: T = done.value
        return result
