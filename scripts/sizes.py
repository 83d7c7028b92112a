"""Fails when a module under src/ is over 400 lines or a function over 60. Run by `make check`.

RATCHET names what is allowed to be larger, with its size. Entries may only shrink and go: one that
is larger than the code, or names nothing any more, fails too.
"""

import ast
import sys
from pathlib import Path

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
RATCHET: dict[str, int] = {}  # "src/runstore/x.py" or "src/runstore/x.py:Class.function" -> lines

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main(root: Path) -> int:
    problems = check(sizes(root), RATCHET)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def check(found: dict[str, int], ratchet: dict[str, int]) -> list[str]:
    """A line for each size past its bound, and for each entry of `ratchet` that could shrink."""
    problems = []
    for name, lines in found.items():
        norm = FUNCTION_LINES_MAX if ":" in name else MODULE_LINES_MAX
        allowed = ratchet.get(name, norm)
        if lines > allowed:
            problems.append(f"{name} has {lines} lines, at most {allowed} are allowed")
        elif name in ratchet and lines < allowed:
            problems.append(f"{name} has {lines} lines: lower its entry in RATCHET ({allowed})")
    gone = ratchet.keys() - found.keys()
    return problems + [f"{name} is in RATCHET, but not in the code" for name in sorted(gone)]


def sizes(root: Path) -> dict[str, int]:
    """Lines of every module and, with decorators, of every function under root/src."""
    found = {}
    for path in sorted((root / "src").rglob("*.py")):
        text = path.read_text()
        name = path.relative_to(root).as_posix()
        found[name] = len(text.splitlines())
        for function, lines in _functions(ast.parse(text), ""):
            found[f"{name}:{function}"] = lines
    return found


def _functions(node: ast.AST, prefix: str) -> list[tuple[str, int]]:
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            name = f"{prefix}{child.name}"
            if isinstance(child, Function):
                start = min([child.lineno, *(d.lineno for d in child.decorator_list)])
                found.append((name, (child.end_lineno or start) - start + 1))
            found += _functions(child, f"{name}.")
        else:
            found += _functions(child, prefix)
    return found


if __name__ == "__main__":
    raise SystemExit(main(Path(__file__).resolve().parent.parent))
