"""Makes an environment, in step with pinned requirements: `python3 venv.py .venv requirements.txt …`.

It runs under the machine's own Python before anything is installed, with the standard library alone.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / (sys.argv[1] if len(sys.argv) > 1 else ".venv")
PYTHON = VENV / "bin" / "python"
ADVICE = "Python's venv module is not complete; on Debian and Ubuntu: apt-get install python3-venv"


def main() -> int:
    """Install what is missing or changed; quick when nothing is."""
    wanted = [ROOT / name for name in sys.argv[2:]]
    with _alone():
        if not (all(map(_is_installed, wanted)) and _works("-c", "")):
            if not _works("-m", "pip", "--version"):
                _create()
            _install(wanted)
        _compile()
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time change the environment; a second one waits for the first."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _stamp(requirements: Path) -> Path:
    """The copy of a requirements file that is left once all of it is installed."""
    return VENV / "installed" / requirements.name


def _is_installed(requirements: Path) -> bool:
    stamp = _stamp(requirements)
    return stamp.is_file() and stamp.read_bytes() == requirements.read_bytes()


def _works(*arguments: str) -> bool:
    """Say whether the environment's Python does that; not when the one it was made from is gone."""
    try:
        return subprocess.run([PYTHON, *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _create() -> None:
    """Create the environment anew."""
    try:
        import ensurepip  # noqa: F401, PLC0415  # Debian leaves it out of venv
        import venv  # noqa: PLC0415
    except ImportError:
        sys.exit(f"error: {ADVICE}")
    print(f"Creating {VENV} with Python {sys.version.split()[0]}", flush=True)
    try:
        venv.create(VENV, clear=True, symlinks=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {VENV} could not be created: {error}. {ADVICE}")


def _install(wanted: list[Path]) -> None:
    """Install the requirements; what is interrupted leaves no stamp, and is done again."""
    for requirements in wanted:
        _stamp(requirements).unlink(missing_ok=True)
    print(f"Installing {' and '.join(path.name for path in wanted)}: a minute or two", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    files = [part for requirements in wanted for part in ("-r", str(requirements))]
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "1"}
    code = subprocess.run([*command, *files], env=environment, check=False).returncode
    if code != 0:
        sys.exit(f"error: the requirements could not be installed (pip ended with code {code}).")
    for requirements in wanted:
        _stamp(requirements).parent.mkdir(exist_ok=True)
        shutil.copyfile(requirements, _stamp(requirements))


def _compile() -> None:
    """Compile the platform once, where otherwise each of its processes might do that at each start.

    They do where Python is told to write no bytecode; one that cannot be written costs time alone.
    """
    _works("-m", "compileall", "-q", "-x", r"/\.", str(ROOT))


if __name__ == "__main__":
    sys.exit(main())
