"""`python -m bench`: generate, load, query, export, report."""

import argparse
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from bench.baseline import measure_baseline
from bench.clients import WalkError, walks_on_folder, walks_over_http
from bench.load import disk_usage, load
from bench.queries import QueryResult, at_engine, over_http
from bench.report import Report, show, write_docs, write_json
from bench.server import Server, ServerError
from bench.stages import measure_stages
from runstore.benchmark.generate import Bodies, generate
from runstore.benchmark.hardware import machine
from runstore.errors import RunstoreError

DOCS = Path("docs/benchmarks.md")
SETTLE_SECONDS = 15  # an idle server merges its index; what is asked later is asked of that


def main() -> int:
    said = _arguments()
    console = Console(width=190 if not sys.stdout.isatty() else None)
    folder: Path = said.out / f"{said.runs}-{said.seed}"
    print(f"Generating {said.runs:,} runs (seed {said.seed})", flush=True)
    bodies = generate(folder / "bodies", said.runs, said.seed)
    try:
        report = _measure(folder, bodies, said)
    except (ServerError, RunstoreError, WalkError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show(report, console)
    write_json(report, said.out / "result.json")
    print(f"Written: {said.out / 'result.json'}")
    if said.write_docs:
        write_docs(report, DOCS)
        print(f"Written: {DOCS}")
    if not said.keep:
        shutil.rmtree(folder)
    return 0


def _measure(folder: Path, bodies: Bodies, said: argparse.Namespace) -> Report:
    report = Report(said.runs, said.seed, machine())
    results: dict[str, QueryResult] = {}
    print("Timing the stages of ingest", flush=True)
    report.stages = measure_stages(bodies, folder / "stages")
    server = Server(folder / "data")
    if not (said.engine_only and server.data.exists()):
        shutil.rmtree(server.data, ignore_errors=True)
        print("Loading over HTTP", flush=True)
        with server:
            report.load = load(server, bodies)
            time.sleep(SETTLE_SECONDS)
        report.load.disk = disk_usage(server.data)
    print("Asking the engine: without payloads, with payloads", flush=True)
    export = at_engine(server.data, bodies.facts, results)
    assert export is not None
    report.exports["engine"] = export
    if not said.engine_only:
        print("Asking over HTTP", flush=True)
        began = time.perf_counter()
        with server:
            report.cold_start_s = time.perf_counter() - began
            report.exports["http"] = over_http(server, bodies.facts, results)
            report.after_queries = server.footprint()
            print("Walking over all runs: over HTTP, on the folder", flush=True)
            report.clients = walks_over_http(server)
        report.clients += walks_on_folder(server.data)
        print("Asking a plain table of JSON", flush=True)
        report.baseline = measure_baseline(folder / "baseline.db", said.runs, said.seed)
    report.queries = list(results.values())
    return report


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("bench/out"))
    parser.add_argument("--keep", action="store_true", help="keep the data for the next time")
    parser.add_argument(
        "--engine-only",
        action="store_true",
        help="only the engine's times, on the data an earlier --keep left, if any",
    )
    parser.add_argument("--write-docs", action="store_true", help=f"write {DOCS}")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
