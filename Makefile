# CloudIntel's commands; `make help` lists them. They need Python 3.11 or newer with venv, and make.
# Variables given to make reach the programs as environment: make run PORT=5001 CLOUDINTEL_HOME=/srv/ci

SHELL = /bin/sh
VENV = .venv
VENV_PYTHON = $(VENV)/bin/python
REQUIREMENTS = requirements.txt
.DEFAULT_GOAL = help
.PHONY: help run test soak lint scan bench lock clean venv

help: ## List the commands
	@sed -n 's/^\([a-z%-]*\):.*## /  make \1	/p' Makefile | expand -t 20

run: venv ## Start everything and serve until Ctrl-C; ONCE=1 ends after the first collection
	@exec $(VENV_PYTHON) -m cloudintel_project

test: venv ## Run all tests against real services; ARGS="-k name" narrows it
	@exec $(VENV_PYTHON) -m tests $(ARGS)

soak: venv ## Kill and restart everything for MINUTES (20), as SEED has it, and check that nothing is lost
	@exec $(VENV_PYTHON) -m tests.faults.soak

lint: REQUIREMENTS = requirements.txt requirements-dev.txt
lint: venv ## Check style, types, imports, deployment settings and migrations
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m mypy
	$(VENV_PYTHON) $(VENV)/bin/lint-imports
	CLOUDINTEL_HTTPS=1 $(VENV_PYTHON) manage.py check --deploy --fail-level WARNING
	$(VENV_PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

# An environment of its own: the scanner pins old versions of what the platform uses.
scan: VENV = .venv-scan
scan: REQUIREMENTS = requirements-scan.txt
scan: venv ## Render the chart, and scan it, Terraform, the images and the workflow for what is unsafe
	@exec $(VENV_PYTHON) deploy/scan.py

bench: venv ## Measure parsing and ingest; bench-collect, -samples, -scale, -decide, -ticks, -observe, -pool, -billing, -reliability, -workers, -reads, -pages, -anomaly, -forecast, -savings and -scaling measure more
	@exec $(VENV_PYTHON) -m benchmarks

bench-%: venv
	@exec $(VENV_PYTHON) -m benchmarks $*

lock: ## Pin the requirements anew (needs uv)
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --upgrade requirements.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --upgrade requirements-dev.in -o requirements-dev.txt
	uv pip compile --universal --python-version 3.11 --no-emit-index-url --upgrade requirements-scan.in -o requirements-scan.txt

clean: ## Remove the virtual environment and all caches; the data folder stays
	rm -rf .venv .venv-scan .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Bring the environment up to date with the first suitable Python, or with the one that PYTHON names.
venv:
	@if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; \
	else set -- python3 python3.14 python3.13 python3.12 python3.11; fi; \
	for python do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        exec "$$python" -I cloudintel_project/venv.py $(VENV) $(REQUIREMENTS); \
	    fi; \
	done; \
	echo "error: no Python 3.11 or newer among: $$*. Install one, or name it with PYTHON=/path/to/python3." >&2; \
	exit 1
