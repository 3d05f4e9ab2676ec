"""Cloud Custodian as the peer of `make bench-collect`: instances, and one metric of each, from the same AWS.

Its time is the one it reports for the policy, without the start of its process, as our workers are running
already. Nothing matches its filter, so that it does not write resources either.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "0.9.53"
_TOLD = re.compile(r"policy:fetch .*?count:0 time:([\d.]+)")
_HOUR_IN_DAYS = 1 / 24
_POLICY = {
    "policies": [
        {
            "name": "fetch",
            "resource": "aws.ec2",
            "filters": [
                {
                    "type": "metrics",
                    "name": "CPUUtilization",
                    "statistics": "Average",
                    "days": _HOUR_IN_DAYS,
                    "period": 300,
                    "op": "lt",
                    "value": 0,
                }
            ],
        }
    ]
}


def seconds(env: dict[str, str], *, region: str) -> float:
    """Return how long Cloud Custodian took against the AWS that `env` names; it is installed when missing."""
    with tempfile.TemporaryDirectory(prefix="cloudintel-c7n-") as folder:
        policy = Path(folder) / "policy.json"
        policy.write_text(json.dumps(_POLICY))
        done = subprocess.run(
            [
                *(_custodian(), "run", "--cache-period", "0", "--region", region),
                *("--output-dir", folder, str(policy)),
            ],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
    found = _TOLD.search(done.stderr)
    if done.returncode or not found:
        raise SystemExit(f"Cloud Custodian failed:\n{done.stderr[-2000:]}")
    return float(found[1])


def _custodian() -> str:
    """Return the program, from an environment of its own in the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "cloudintel" / f"c7n-{VERSION}"
    program = folder / "bin" / "custodian"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"c7n=={VERSION}"], check=True
        )
    return str(program)
