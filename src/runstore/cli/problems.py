"""A command that fails -> one message on stderr and an exit code. Nothing else escapes.

0    done
1    the server refused, or could not be reached; something is not there; nothing was deleted
2    the command itself is wrong: an option, a filter, a time, a target; serve could not start
130  interrupted
"""

import os
import sys
from collections.abc import Sequence

from cyclopts import App

from runstore.errors import InvalidRequest, RunstoreError, SchemaError

FAILED, WRONG, INTERRUPTED = 1, 2, 130


def run(app: App, words: Sequence[str] | None = None) -> int:
    """The exit code. Wrong options end in SystemExit(2), as cyclopts says them."""
    try:
        code = app(words, result_action="return_value")
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        print(f"runstore: {error}; pip install 'runstore[server]' has it", file=sys.stderr)
        return FAILED
    except OSError as error:  # where the output goes: a full disk, a terminal that is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"runstore: cannot go on: {error}", file=sys.stderr)
        return FAILED
    except (RunstoreError, ImportError) as error:
        print(f"runstore: {error}", file=sys.stderr)
        return exit_code(error)


def exit_code(error: Exception) -> int:
    return WRONG if isinstance(error, InvalidRequest | SchemaError) else FAILED
