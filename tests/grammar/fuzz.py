"""`python -m tests.grammar.fuzz --seconds 60`: texts that atheris finds by the parser's own paths.

Each is put to both parsers, as `python -m tests.grammar` does; the first problem ends the run with
the text as a row for tests/grammar/cases.py. atheris is no dependency of ours: `make fuzz` installs
it, and says so where there is none for this Python.
"""

import argparse
import importlib.util
import multiprocessing
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.grammar.written import CORPUS, DENSE, PIECES

BYTES_MAX = 4_096  # of one text: longer ones go no other way


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.grammar.fuzz")
    parser.add_argument("--seconds", type=int, default=60)
    said = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("SKIPPED: atheris is not installed, for there is none for this Python", flush=True)
        return 0
    with TemporaryDirectory() as folder:
        process = multiprocessing.Process(target=_fuzz, args=(Path(folder), said.seconds))
        process.start()
        process.join()  # atheris ends its process whatever comes
        return process.exitcode or 0


def _fuzz(folder: Path, seconds: int) -> None:
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["runstore.filter"]):
        reading = importlib.import_module("tests.grammar.agree").reading

    def put(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        problem = reading(text).problem
        assert not problem, f"{text!a}  # {problem}"

    (folder / "texts").mkdir()
    for number, text in enumerate((*CORPUS, *DENSE)):
        (folder / "texts" / f"{number}").write_bytes(text.encode("utf-8", "surrogatepass"))
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(piece)}"\n' for piece in PIECES))
    options = [f"-max_total_time={seconds}", f"-max_len={BYTES_MAX}", f"-dict={words}"]
    options += ["-print_final_stats=1", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(folder / "texts")], put)
    atheris.Fuzz()


def _escaped(piece: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in piece.encode("utf-8", "surrogatepass"))


if __name__ == "__main__":
    sys.exit(main())
