#!/usr/bin/env python3
"""Renders the chart for each environment, and scans what is deployed: `make scan`.

Nothing is fetched while it scans, and without an account at its vendor the scanner grades nothing: whatever
it finds has to be mended, or accepted where it is, with a reason.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from helm_python.chart import Chart, lint

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "cloudintel"
ENVIRONMENTS = ("dev", "staging", "production")
WARNING = 2
"""From here on a finding of Helm's counts; below it are recommendations."""


def main() -> int:
    """Render, lint and scan everything; 0 when nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        found = [finding for name in ENVIRONMENTS for finding in render(name, into=Path(folder) / name)]
        for finding in found:
            sys.stderr.write(f"{finding}\n")
        codes = [
            checkov(ROOT, "terraform", "dockerfile", "github_actions", without=("tests", "benchmarks")),
            checkov(Path(folder), "kubernetes"),
        ]
    return int(bool(found or any(codes)))


def render(environment: str, *, into: Path) -> Iterator[str]:
    """Write the environment's manifests into a folder, and tell what Helm's linter does not like."""
    values = yaml.safe_load((CHART / f"values-{environment}.yaml").read_text())
    report: dict[str, Any] = lint(CHART, values, strict=True)
    for message in report["messages"]:
        if message["severity"] >= WARNING:
            yield f"{environment}: {message['path']}: {message['error']}"
    yield from (f"{environment}: {error}" for error in report["errors"])
    into.mkdir()
    with Chart.load(CHART) as chart:
        manifests = chart.render(values, name="cloudintel", namespace="cloudintel")
    for path, text in manifests.items():
        if path.endswith(".yaml") and any(yaml.safe_load_all(text)):
            (into / Path(path).name).write_text(text)


def checkov(folder: Path, *frameworks: str, without: tuple[str, ...] = ()) -> int:
    """Scan a folder, and return the scanner's exit code."""
    command = [sys.executable, Path(sys.executable).with_name("checkov"), "--directory", folder]
    command += ["--quiet", "--compact", "--skip-download", "--framework", *frameworks]
    command += [part for path in without for part in ("--skip-path", f"/{path}/")]
    print(f"Scanning {', '.join(frameworks)}", flush=True)
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "ANSI_COLORS_DISABLED": "1"}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
