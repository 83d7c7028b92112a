"""What one process of the server tells another -> bytes, whatever it holds."""

import pickle


def pickled(told: object) -> bytes:
    try:
        return pickle.dumps(told, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # an error that holds what cannot travel
        return pickle.dumps(RuntimeError(f"{told!r}: {error}"), pickle.HIGHEST_PROTOCOL)
