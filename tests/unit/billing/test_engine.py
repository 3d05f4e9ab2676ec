"""The engine in a process that was forked from one that had loaded it, as those of web and workers are."""

import subprocess
import sys

FORK = """
import os
import threading
from collectors.billing import engine
child = os.fork()
if not child:
    threading.Thread(target=threading.Event().wait, args=(0.1,)).start()
else:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_process_that_is_forked_after_loading_ends_in_peace():
    ended = subprocess.run([sys.executable, "-c", FORK], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
