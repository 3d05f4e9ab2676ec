"""The data folder: where it is, the secrets it keeps and what runs in it.

Settings import this module, so it knows nothing of Django.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import environ

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def read_env_file() -> None:
    """Add what `.env`, or the file that `CLOUDINTEL_ENV_FILE` names, says; the environment comes first."""
    file = PROJECT_ROOT / (os.environ.get("CLOUDINTEL_ENV_FILE") or ".env")
    if file.is_file():
        environ.Env.read_env(str(file))


def home() -> Path:
    """Return the data folder, `CLOUDINTEL_HOME`, relative paths taken from the project's root."""
    return PROJECT_ROOT / Path(os.environ.get("CLOUDINTEL_HOME") or ".cloudintel").expanduser()


def make_folder(path: Path, *, mode: int = 0o700) -> Path:
    """Create the folder and those above it where they are missing."""
    path.mkdir(parents=True, exist_ok=True, mode=mode)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace the file's content in one step, readable by its owner alone."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def kept_secret(name: str, *, folder: Path | None = None) -> str:
    """Return the secret of that name, generated on first use and kept with mode 0600.

    Two processes that ask at once get the same secret: the first file linked in place wins.
    """
    path = (folder or home() / "secrets") / name
    if not path.exists():
        draft = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
        write_private(draft, secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _services_file() -> Path:
    return home() / "run" / "services.json"


def running_services() -> dict[str, str]:
    """Return the addresses of the embedded services, by name; empty when none were started here."""
    try:
        found = json.loads(_services_file().read_text())
    except FileNotFoundError:
        return {}
    return {str(name): str(url) for name, url in found.items()}


def announce_services(urls: Mapping[str, str]) -> None:
    """Tell other processes of this data folder where the embedded services listen."""
    write_private(_services_file(), json.dumps(dict(urls)))


def retract_services() -> None:
    """Forget the announced addresses; for the moment after the services stopped."""
    _services_file().unlink(missing_ok=True)
