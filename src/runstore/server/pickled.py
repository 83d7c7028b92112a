"""What one process of the server tells another -> bytes, whatever it holds."""

import pickle


def pickled(told: object) -> bytes:
    """What cannot travel, or would not arrive, becomes a RuntimeError that says so."""
    try:
        raw = pickle.dumps(told, pickle.HIGHEST_PROTOCOL)
        if isinstance(told, BaseException):
            pickle.loads(raw)  # of one whose __init__ wants more than its args this raises
        return raw
    except Exception as error:
        return pickle.dumps(RuntimeError(f"{told!r}: {error}"), pickle.HIGHEST_PROTOCOL)
