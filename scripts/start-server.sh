#!/usr/bin/env bash
# The production web server. It waits for nothing: what is not there yet, /readyz tells.
#
# BIND (0.0.0.0) and PORT (5000) say where it listens. By variables as well:
#   WEB_CONCURRENCY         2     processes
#   WEB_THREADS             8     threads in each
#   WEB_TIMEOUT_S           3600  for how long a process may be silent before it is replaced
#   WEB_GRACEFUL_TIMEOUT_S  4     for how long requests may go on once it was asked to end
#   WEB_MAX_REQUESTS        1000  after how many requests a process is replaced, and by up to how many later,
#   WEB_MAX_REQUESTS_JITTER 100   so that not all are replaced at once
#   PYTHON                  python
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bind=${BIND:-0.0.0.0}
[[ $bind != *:* ]] || bind="[$bind]"

# gunicorn finishes what it answers on SIGTERM, which exec lets it get itself.
exec "${PYTHON:-python}" -m gunicorn \
    --bind "$bind:${PORT:-5000}" \
    --worker-class gthread \
    --preload \
    --no-control-socket \
    --logger-class core.web_log.WebLogger \
    --workers "${WEB_CONCURRENCY:-2}" \
    --threads "${WEB_THREADS:-8}" \
    --timeout "${WEB_TIMEOUT_S:-3600}" \
    --graceful-timeout "${WEB_GRACEFUL_TIMEOUT_S:-4}" \
    --max-requests "${WEB_MAX_REQUESTS:-1000}" \
    --max-requests-jitter "${WEB_MAX_REQUESTS_JITTER:-100}" \
    cloudintel_project.wsgi
