"""Runs the suite: tests of parts on all cores, then whole systems alone, which are held to limits of time.

`python -m tests ARGUMENTS` passes its arguments to pytest. One process does all where `REDIS_URL` names a
Valkey to use, because each empties it.
"""

import os
import subprocess
import sys

import pytest


def main(arguments: list[str]) -> int:
    """Return 0 if all passed, otherwise the worst of pytest's exit codes."""
    shared = (
        [] if "REDIS_URL" in os.environ else ["-n", "logical", "--maxprocesses", "4", "--dist", "worksteal"]
    )
    codes = {run_pytest("not alone", *shared, *arguments), run_pytest("alone", *arguments)}
    if codes != {pytest.ExitCode.NO_TESTS_COLLECTED}:
        codes.discard(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max(codes)


def run_pytest(markers: str, *arguments: str) -> int:
    """Run the tests so marked, and return pytest's exit code."""
    return subprocess.run([sys.executable, "-m", "pytest", "-m", markers, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
