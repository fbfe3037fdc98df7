# demo · test · check · bench · proof: each sets up what it needs in .venv.
# The first of these that runs and is new enough (a version manager's stub may be there and not run).
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test check bench proof format

help:
	@echo "make demo    make a workspace in demo/ with data and trained runs, and open it"
	@echo "make test    all tests"
	@echo "make check   formatting, lint, types, import rules"
	@echo "make bench   figures, each beside its peer or floor"
	@echo "make proof   the long proofs: all seeded kills, folds, large stores"

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "edm-tui needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || { $(PYTHON) -m venv .venv || \
	  { echo "hint: on Debian, apt-get install python3-venv" >&2; rm -rf .venv; exit 1; }; }
	@echo "installing edm-tui into .venv" >&2
	@$(PIP) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing what tests and checks need into .venv" >&2
	@$(PIP) --editable '.[dev]'
	@touch $@

demo: .venv/installed
	@$(BIN)/edm demo

# Servers that speak S3 and Google's protocol, in a venv of their own: moto wants another botocore than DVC does. Tests
# skip without them.
.venv/moto/installed: .venv/installed-dev
	@echo "installing moto and gcp-storage-emulator, S3 and GCS servers for tests, into .venv/moto" >&2
	@$(BIN)/python -m venv .venv/moto && .venv/moto/bin/python -m pip install --quiet --disable-pip-version-check \
	  'moto[s3]==5.2.5' flask flask-cors 'gcp-storage-emulator==2026.7.19' && touch $@ \
	  || echo "without them: the tests of S3 and GCS remotes skip" >&2

test: .venv/installed-dev .venv/moto/installed
	$(BIN)/pytest -n 2 --dist loadfile -m 'not proof'

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/installed-dev
	$(BIN)/python -m bench

proof: .venv/installed-dev .venv/moto/installed
	$(BIN)/pytest -m proof -s --timeout 7200
