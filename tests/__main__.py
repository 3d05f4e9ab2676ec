"""Runs the suite: parts on all cores, then whole systems two at a time, then alone what is held to the clock.

`python -m tests ARGUMENTS` passes its arguments to pytest. One process does all where `REDIS_URL` names a
Valkey to use, because each empties it.
"""

import os
import subprocess
import sys

import pytest

# Whole folders are not even looked into; of those that ARGUMENTS name, the marks tell what belongs where.
PARTS = ("--ignore=tests/acceptance", "--ignore=tests/faults", "-m", "not whole and not alone")
WHOLE = ("--ignore=tests/unit", "--ignore=tests/integration", "-m")
ALL_CORES = ("-n", "logical", "--maxprocesses", "4", "--dist", "worksteal")
TWO_AT_A_TIME = ("-n", "2", "--dist", "loadgroup")


def main(arguments: list[str]) -> int:
    """Return 0 if all passed, otherwise the worst of pytest's exit codes."""
    has_servers = "REDIS_URL" in os.environ
    codes = {
        run_pytest(*PARTS, *(() if has_servers else ALL_CORES), *arguments),
        run_pytest(*WHOLE, "whole", *(() if has_servers else TWO_AT_A_TIME), *arguments),
        run_pytest(*WHOLE, "alone", *arguments),
    }
    if codes != {pytest.ExitCode.NO_TESTS_COLLECTED}:
        codes.discard(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max(codes)


def run_pytest(*arguments: str) -> int:
    """Run what is chosen so, and return pytest's exit code."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
