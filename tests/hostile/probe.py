"""A running server -> what schemathesis finds wrong with it, from its own /openapi.json.

Checked of each answer: no 5xx, a status, a media type, headers and a body that the document
promises; a record that was deleted is gone, one that was made is there; no route lets in who
shows no key. Not checked, because the wire's contract is otherwise: that every request outside the
schemas is refused (the wire is lenient: docs/wire.md), that every request inside is taken (fields
of a run may contradict each other; a text may be no filter), and that other methods are always
405 (`PATCH /runs/query` is a run whose id is no UUID: 422).

Tails are left out, because they do not end: tests/server/test_tail_routes.py.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "use_after_free",
    "ensure_resource_availability",
)
NEEDS_TIME = ("ignored_auth",)  # asks everything three times; the matrix of test_roles.py is exact
PHASES, SHORT_PHASES = "coverage,fuzzing,stateful", "fuzzing,stateful"
REQUEST_SECONDS_MAX = 60.0  # a query is over after QUERY_SECONDS_MAX; past this the server hangs


@dataclass(frozen=True, slots=True)
class Report:
    text: str
    is_clean: bool


def probe(url: str, key: str, folder: Path, *, examples: int, seed: int, whole: bool) -> Report:
    """`examples` of each operation and of the walks along links; `whole`: each phase and check.

    What schemathesis writes goes into `folder`.
    """
    checks = (*CHECKS, *NEEDS_TIME) if whole else CHECKS
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
        *("--header", f"X-API-Key: {key}", "--exclude-path", "/runs/tail", "--no-color"),
        *("--phases", PHASES if whole else SHORT_PHASES),
        *("--checks", ",".join(checks)),
        *("--max-examples", str(examples), "--seed", str(seed)),
        *("--request-timeout", str(REQUEST_SECONDS_MAX)),
        *("--generation-database", "none", "--warnings", "off"),
        # The cost of a large body is ours to find elsewhere; here breadth counts.
        *("--suppress-health-check", "all"),
    ]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    return Report(ended.stdout + ended.stderr, ended.returncode == 0)
