"""`python -m demo`: serve a fresh folder, trace an agent into it, ask about what it did."""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import warnings
from pathlib import Path
from uuid import UUID

from bench.server import Server, ServerError
from rich.console import Console

PROJECT = "demo-agent"
PORT = 1984


def main() -> int:
    said = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):  # either way the server is stopped, too
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="runstore-demo-"))
    server = Server(folder / "data", said.port if _is_free(said.port) else 0)
    try:
        with server:
            unanswered = _demonstrate(console, server)
            if unanswered:
                console.print(f"[red]No run answered: {', '.join(unanswered)}[/red]")
                return 1
            if not said.once:
                _leave_running(console, server)
    except ServerError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _demonstrate(console: Console, server: Server) -> list[str]:
    """The questions that should have had an answer and had none."""
    _trace_to(server.url)
    from demo.conversation import TURNS, hold  # LangChain reads the environment when imported

    console.rule("[bold]Runstore demo")
    console.print(f"Serving a fresh folder on [bold]{server.url}[/bold]")
    began = time.perf_counter()
    roots = hold(PROJECT)
    console.print(
        f"Traced a LangGraph agent through {len(TURNS)} turns with the langsmith SDK in "
        f"{time.perf_counter() - began:.1f} s: three of one conversation, and one that fails.\n"
    )
    _show_trace(console, roots[1])
    return asyncio.run(_ask(console, roots))


def _trace_to(url: str) -> None:
    """This process's traces go to `url` and nowhere else, whatever the caller's settings are."""
    for name in list(os.environ):
        if name.startswith(("LANGSMITH_", "LANGCHAIN_")):
            del os.environ[name]
    os.environ |= {
        "LANGSMITH_ENDPOINT": url,
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_PROJECT": PROJECT,
        "LANGSMITH_API_KEY": "anything",  # the SDK wants one; a local Runstore does not look
        "NO_PROXY": "127.0.0.1",
    }


def _show_trace(console: Console, root: UUID) -> None:
    from langsmith import Client

    from demo.show import show_tree

    # The SDK says so of list_runs and read_run, which this demo is about. It sets a filter of its
    # own when imported, so ours has to come later.
    warnings.filterwarnings("ignore", ".*will be removed after Jan 31, 2027", DeprecationWarning)

    console.print("[bold]The second turn, as a trace[/bold]: read_run(..., load_child_runs=True)")
    show_tree(console, Client().read_run(root, load_child_runs=True))
    console.print()


async def _ask(console: Console, roots: list[UUID]) -> list[str]:
    from langsmith import AsyncClient

    from demo.questions import questions
    from demo.show import show_answer

    unanswered = []
    console.print("[bold]The documented questions[/bold]: AsyncClient.list_runs(...)\n")
    async with AsyncClient() as client:
        for number, question in enumerate(questions(PROJECT, roots), 1):
            began = time.perf_counter()
            runs = [run async for run in client.list_runs(**question.arguments)]
            took_ms = 1_000 * (time.perf_counter() - began)
            found = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
            title = f"[bold]{number:>2}. {question.text}[/bold]"
            console.print(f"{title}  [cyan]{found} in {took_ms:.1f} ms[/cyan]")
            show_answer(console, question.arguments, runs)
            if not runs:
                unanswered.append(question.text)
    return unanswered


def _leave_running(console: Console, server: Server) -> None:
    console.print(
        f"Still serving on [bold]{server.url}[/bold]. Trace to it from another terminal:\n\n"
        "   export LANGSMITH_TRACING=true LANGSMITH_API_KEY=anything\n"
        f"   export LANGSMITH_ENDPOINT={server.url}\n\n"
        "Ctrl-C stops it and removes its folder; `runstore serve` keeps its data."
    )
    server.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop the server afterwards")
    parser.add_argument("--port", type=int, default=PORT, help="any free one if it is taken")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
