# One word per chore. `make run` and `make test` are all a newcomer needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests start the program hundreds of times: without kept bytecode each start compiles all of it anew.
unexport PYTHONDONTWRITEBYTECODE
STAMP := $(VENV)/.installed
WORKERS ?= 2
# A third one saves two minutes on two cores.
BROWSERS ?= 3
# Tests start servers, kill processes and wait for screens. What fails beside others on a crowded machine is told and
# tried once more with the machine to itself; what is broken fails there, too.
ALONE = { echo "Failed beside others; the same tests once more, alone:"; \
  $(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none; }

.PHONY: help run test lint types unit slow browser bench bench-find bench-ingest bench-redline bench-masking bench-timing bench-draw bench-trends bench-desk bench-keys bench-pages bench-promises bench-scorer bench-patterns bench-wording attack kills soak soak-nights pictures lock wheel clean advisories bench-assess bench-api bench-scale bench-servers bench-burst client fonts

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(STAMP): requirements-dev.lock pyproject.toml
	@echo "Setting up $(VENV) (once) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP)  ## set everything up, load demo data, open the guarded workbench
	@$(BIN)/spotcheck demo --serve --home .demo

test: lint types unit browser  ## everything that must pass before a change goes in

lint: $(STAMP)  ## style, format and the contracts between layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: ruff format ."; exit 1; }
	@$(BIN)/lint-imports --no-cache --no-logo 2>/dev/null || $(BIN)/lint-imports --no-cache

types: $(STAMP)  ## strict types in qa, scoring, pages and the generated client
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file= --strict clients/spotcheck_client.py

client: $(STAMP)  ## generate the typed Python client of the HTTP API anew
	@$(BIN)/python -c "from qa.web.api import client; client.main()"

unit: $(STAMP)  ## all tests without a browser, on SQLite and PostgreSQL; the wheel in a clean environment
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not browser and not slow" || $(ALONE)

slow: $(STAMP)  ## tests that take more than half a minute each; before a release
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist load -m slow

browser: $(STAMP)  ## the real application in Chromium; screenshots go to screenshots/
	@command -v chromium >/dev/null || { echo "Chromium is missing. On Debian: apt-get install chromium fonts-noto-cjk"; exit 1; }
	@$(BIN)/python -m pytest -q -n $(BROWSERS) --dist loadfile -m browser || $(ALONE)

bench: bench-ingest bench-find bench-redline bench-patterns bench-masking bench-timing bench-draw bench-trends  ## measured ratios against the named peers

bench-find bench-ingest bench-redline bench-masking bench-timing bench-trends bench-desk bench-keys bench-pages bench-promises bench-scorer bench-assess bench-patterns bench-wording: bench-%: $(STAMP)
	@$(BIN)/python -m benchmarks.$*

bench-draw: $(STAMP)
	@$(BIN)/python -m benchmarks.draw
	@$(BIN)/python -m benchmarks.draw --promises full
	@$(BIN)/python -m benchmarks.draw --cost
	@$(BIN)/python -m benchmarks.draw_service

bench-api: $(STAMP)  ## the HTTP API: pushing beside files, pages of estimates of the demo
	@$(BIN)/python -m benchmarks.api

soak: $(STAMP)  ## thirty simulated inspectors with random kills
	@$(BIN)/python -m benchmarks.soak

kills: $(STAMP)  ## imports, takings back and removals killed at random moments
	@$(BIN)/python -m benchmarks.kills
	@$(BIN)/python -m benchmarks.forgetting

soak-nights: $(STAMP)  ## thirty simulated nights: kills, late and partial files, a clock change, a dead robot
	@$(BIN)/python -m benchmarks.nights

bench-burst: $(STAMP)  ## many people open the board at once, beside a client that never reads
	@$(BIN)/python -m benchmarks.burst

bench-servers: $(STAMP)  ## three servers behind HAProxy on PostgreSQL, one killed a minute; says so where HAProxy is missing
	@$(BIN)/python -m benchmarks.servers

bench-scale: $(STAMP)  ## how import, screening, draw and trend grow with the archive (hours for the largest sizes)
	@$(BIN)/python -m benchmarks.scale

attack: $(STAMP)  ## forged records, honest histories and sign-in bursts against an installation of its own
	@$(BIN)/python -m benchmarks.attack --verdicts 100000 --honest 1000

advisories: $(STAMP)  ## dependencies with known vulnerabilities; says so when the index offers no advisories
	@$(BIN)/python -m benchmarks.advisories

pictures: $(STAMP)  ## take pictures of the main pages, from the demo in the real browser
	@$(BIN)/python docs/pictures/take.py

wheel: $(STAMP)  ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

fonts: $(STAMP)  ## make the smaller fonts anew, from the toolkit's
	@$(BIN)/python -m tests.qa.web.making_fonts

lock: $(STAMP)  ## pin the dependency tree anew
	@$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --no-emit-index-url --generate-hashes -q --custom-compile-command "make lock" -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-emit-index-url --generate-hashes -q --custom-compile-command "make lock" -c requirements.lock -o requirements-dev.lock

clean:  ## remove what tests and benchmarks left
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis screenshots bench-results build dist
