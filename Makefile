.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SEED ?= 20251121
CONFIG ?= reef.yaml
SEEDS ?= 100
FIRST_SEED ?= 1
LONG := tests/simulation tests/faults/test_crash.py tests/replay/test_crash_hour.py tests/profiles tests/e2e
# What is measured takes twice its time: only the tests that the rooms of WHOLE need. Not those whose examples
# Hypothesis draws (its plugin marks them): which lines they reach is chance.
PURE := tests/model tests/risk tests/rules tests/planning tests/execution tests/hedges/test_stories.py
WHOLE := planning risk rules execution
OTHERS := $(LONG) $(filter-out $(PURE) $(LONG) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/)) $(wildcard tests/test_*.py))
# Most tests wait for something: for polls, for time-outs, for processes. Each worker collects them all.
WORKERS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# Bytecode is written once, and not made anew by each of the hundreds of processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test ci run lock bench format lint types layers audit advisories coverage simulate simulate-nightly replay profiles crashes mutate docs wheel clean collected tested simulated rest properties-once coverage-all wheel-runs hedges portfolios properties

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Reef needs Python 3.11 or newer; try: make PYTHON=python3.12 install" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-compile -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP)  ## make .venv with the locked dependencies

demo: install  ## a real daemon takes an account through the crash of November 2025
	$(BIN)/reef demo --seed $(SEED)

run: install  ## run the daemon with CONFIG=reef.yaml
	$(BIN)/reef run --config $(CONFIG)

test: install  ## all tests but the slow ones
	$(BIN)/pytest -n $(WORKERS) -m "not slow"

ci: install  ## everything that must hold before a change lands
	$(MAKE) --no-print-directory -j 2 --output-sync=target types collected format lint layers audit docs wheel
	$(MAKE) --no-print-directory -j 2 tested simulated

# Tests wait for much, days for nothing: side by side they take little longer than either alone.
tested: install
	$(MAKE) --no-print-directory -j 1 coverage
	$(MAKE) --no-print-directory -j 1 properties-once
	$(MAKE) --no-print-directory -j 1 rest

simulated: install
	nice -n 19 $(MAKE) --no-print-directory -j 1 simulate

format: install
	$(BIN)/ruff format --check .

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

layers: install
	$(BIN)/lint-imports

audit: install  ## hold the lock file to its promises, without a network
	$(BIN)/python .ci/audit_lock.py

advisories:  ## ask for known vulnerabilities of what is locked (needs a network)
	test -x .venv-audit/bin/pip-audit || ($(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet pip-audit)
	.venv-audit/bin/pip-audit -r requirements.lock --require-hashes --disable-pip

collected: install  # every test file is there as bytecode before many workers read it at once
	$(BIN)/pytest -n 0 -m "not slow" --collect-only -qq >/dev/null

coverage: install  ## the rooms without input and output, of which named examples reach every line and branch
	$(BIN)/pytest -n $(WORKERS) -m "not slow and not hypothesis" $(PURE) $(WHOLE:%=--cov=bot/%) --cov-report=json:.coverage.json --cov-report=
	$(BIN)/python .ci/coverage_floor.py .coverage.json $(WHOLE)

properties-once: install  ## the tests of these rooms whose examples are drawn, not measured
	$(BIN)/pytest -n $(WORKERS) -m "not slow and hypothesis" $(PURE)

coverage-all: install  ## every room, by all tests but the long ones (twice the time)
	$(BIN)/pytest -n $(WORKERS) -m "not slow" $(LONG:%=--ignore=%) --cov --cov-report=json:.coverage.json --cov-report=
	$(BIN)/python .ci/coverage_floor.py .coverage.json

rest: install  ## all other tests, those that take or wait longest first
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow" $(OTHERS) $(addprefix --deselect ,$(filter %.py,$(PURE)))

docs: install  ## build the pages of docs/ into site/; a link that leads nowhere fails
	$(BIN)/sphinx-build -q -W --keep-going -b html docs site

wheel: install
	rm -rf dist && $(BIN)/python -m build --no-isolation --wheel . >/dev/null
	$(BIN)/python .ci/wheel_contents.py dist

wheel-runs: wheel  ## install the wheel alone and live a first day with it: init, doctor, demo (needs a network, a minute)
	$(BIN)/python .ci/wheel_runs.py dist

simulate: install  ## SEEDS=100 days of faults and crashes from FIRST_SEED=1 in virtual time, all invariants judged
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first-seed $(FIRST_SEED)

simulate-nightly: install  ## a thousand such days, and a longer walk of the state machine
	REEF_MACHINE_EXAMPLES=400 $(BIN)/pytest -n 0 --timeout 3600 tests/simulation/test_machine.py
	$(BIN)/pytest -n auto -m slow tests/simulation
	$(BIN)/python -m tests.simulation --seeds 1000 --first-seed $(FIRST_SEED)

replay: install  ## a day of October 2025 through the sandbox in virtual time (minutes)
	$(BIN)/pytest -n 0 -m slow -s tests/replay

profiles: install  ## every profile and recipe through falls and calm, held against docs/profiles.md; the hedged crash (an hour)
	$(BIN)/pytest -n 0 -m slow tests/profiles --deselect tests/profiles/test_survival.py::test_a_row_of_the_page_is_what_comes_out
	$(BIN)/python -m tests.profiles --jobs 2

crashes: install  ## kill -9 the guard two hundred times in a fall, and compare the end (minutes)
	$(BIN)/pytest -n 0 -m slow tests/faults/test_crash.py

properties: install  ## ten times as many examples of every property of planning, risk and rules (minutes)
	REEF_EXAMPLES=10 $(BIN)/pytest -n auto --timeout 1800 -m "not slow" tests/planning tests/risk tests/rules

hedges: install  ## a hundred crashes with a recovery, each hedged by a rule and unwound with its parent (minutes)
	$(BIN)/pytest -n 0 -m slow tests/hedges

portfolios: install  ## two thousand random portfolios planned and judged, and the tables of docs/planning.md (minutes)
	$(BIN)/pytest -n 0 -m slow tests/planning/test_portfolios.py
	$(BIN)/python -m tests.planning.portfolios

mutate: install  ## a tenth of all mutants of planning and execution against their tests (half an hour)
	$(BIN)/mutmut run "bot.planning.*mutmut_*3" "bot.execution.*mutmut_*3"

bench: install  ## one cycle against bare ccxt calls, the journal against raw SQLite
	$(BIN)/python -m benchmarks

lock:  ## resolve the dependencies again into requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-strip-extras --group dev pyproject.toml -o requirements.lock

clean:  ## remove what the other targets made
	rm -rf $(VENV) .venv-audit dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants .coverage .coverage.json
