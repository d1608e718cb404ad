# What people call. The stages and what they depend on stand in stages.mk.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# size, seed and kind of the generated platform
SCALE ?= 1
SEED ?= 42
SCENARIO ?= steady
# folder with a real export; nothing is generated then
DATA ?=
# folder that `make truth` wrote: the models are measured beside the truth of the generated platform
TRUTH ?=
# the moment the warehouse is built for (ISO 8601, UTC); by default just after the last recorded event
AS_OF ?=
# reject the run, or quarantine the rows and go on
ON_BAD_ROWS ?= reject
# 1: make monitor exits with 1 when something moved
FAIL_ON_ALERT ?= 0
TARGET ?= duckdb
WAREHOUSE ?= warehouse
SITE ?= site
VENV ?= .venv
export SCALE SEED SCENARIO DATA TRUTH AS_OF ON_BAD_ROWS FAIL_ON_ALERT TARGET WAREHOUSE SITE VENV GENERATE

$(foreach name,CURDIR DATA WAREHOUSE SITE,$(if $(word 2,$($(name))),\
	$(error $(name)=$($(name)) has a space in it, which make cannot handle: use a path without)))

# one folder per generated platform; small ones as CSV, the format in which real exports come
export PLATFORM := $(SCENARIO)-$(SCALE)-$(SEED)
export FORMAT := $(if $(filter 1 2 3 4 5 6 7 8 9,$(SCALE)),csv,parquet)
GENERATE = $(PYTHON) -m generator --scale $(SCALE) --seed $(SEED) --scenario $(SCENARIO) --format $(FORMAT)

PYTHON := $(VENV)/bin/python
PUBLISHED := $(WAREHOUSE)/escrow.duckdb
# where a gate that refuses leaves its 1
export EXIT_CODE := $(shell mktemp -u)
export DO_NOT_TRACK := 1
export PYTHONUNBUFFERED := 1

STAGES := run generate land features validate train predict monitor experiment bandit online insights publish docs
.PHONY: help setup $(STAGES) predict-one strategy query shell site report truth backtest tune experiment-design test lint bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile stages.mk | sort -u \
		| awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'
	@echo
	@echo "  variables: SCALE=1 SEED=42 DATA=dir AS_OF=2024-01-01T00:00:00Z ON_BAD_ROWS=reject|quarantine PORT=8766"
	@echo "             SCENARIO=steady|new_category|price_shift|quality_drop|bot_pledges TRUTH=dir FAIL_ON_ALERT=0|1"
	@echo "             LIMITS=redis://host:6379 (of predict-one)"

setup: $(VENV)/.installed ## make the environment in .venv

$(VENV)/.installed: requirements.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "python3 is $$(python3 -V 2>&1); Python 3.11 or newer is needed" >&2; exit 2; }
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	if [ ! -x "$$uv" ]; then \
		sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p}' requirements.lock > $(VENV)/uv.lock; \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock; \
	fi; \
	"$$uv" pip install --quiet --python $(PYTHON) --require-hashes -r requirements.lock
	@touch $@
	@echo "setup      $$($(PYTHON) -V) and the locked packages -> $(VENV)"

# GNU make reports every failure as 2. In question mode it also knows 1, "not up to date": that is how
# a refusal by a gate leaves with the 1 that callers are promised.
ifneq (,$(filter $(STAGES) predict-one,$(MAKECMDGOALS)))
MAKEFLAGS += --question
endif
REFUSED = $(if $(filter 1,$(shell cat $(EXIT_CODE) 2>/dev/null; rm -f $(EXIT_CODE))),refused)

$(STAGES): %: .locked-%
	$(REFUSED)

.locked-%: requirements.lock
	+@MAKEFLAGS= $(MAKE) --silent setup; \
	code=0; \
	$(PYTHON) -m expectations.lock $(WAREHOUSE) -- \
		env MAKEFLAGS= $(MAKE) --no-print-directory -f stages.mk $* || code=$$?; \
	if [ "$$code" != 0 ] && [ "$$(cat $(EXIT_CODE) 2>/dev/null)" = 1 ]; then exit 0; fi; exit $$code

predict-one: .predict-one ## predict PROJECT=id or MILESTONE=id, at most 60 times a minute
	$(REFUSED)

.predict-one:
	+@test -n "$(PROJECT)$(MILESTONE)" || { echo "predict-one: say what to predict, e.g. make predict-one PROJECT=1" >&2; exit 2; }; \
	MAKEFLAGS= $(MAKE) --silent setup; \
	code=0; \
	$(PYTHON) -m ml.serving --warehouse $(WAREHOUSE) $(if $(PROJECT),--project "$$PROJECT") \
		$(if $(MILESTONE),--milestone "$$MILESTONE") $(if $(LIMITS),--limits "$$LIMITS") || code=$$?; \
	if [ "$$code" = 1 ]; then echo 1 > $(EXIT_CODE); exit 0; fi; exit $$code
export PROJECT MILESTONE LIMITS

query: setup ## print the answer to SQL='select …' from the published warehouse
	@test -n "$${SQL:-}" || { echo "query: say what to ask, e.g. make query SQL='from insights.project_outlook'" >&2; exit 2; }
	@test -f $(PUBLISHED) || { echo "query: nothing is published yet in $(PUBLISHED); make run" >&2; exit 2; }
	@$(VENV)/bin/duckdb -readonly $(PUBLISHED) -c "$$SQL"
export SQL

shell: setup ## open an SQL prompt on the published warehouse, read-only
	@test -f $(PUBLISHED) || { echo "shell: nothing is published yet in $(PUBLISHED); make run" >&2; exit 2; }
	@$(VENV)/bin/duckdb -readonly $(PUBLISHED)

strategy: setup ## tell which release strategy the project PROJECT=id gets if it launches now
	@test -n "$(PROJECT)" || { echo "strategy: say for which project, e.g. make strategy PROJECT=20001" >&2; exit 2; }
	@$(PYTHON) -m ml.release --db $(PUBLISHED) --project $(PROJECT)

site: setup ## serve the pages on localhost:PORT
	@test -f $(SITE)/index.html || { echo "site: no pages yet in $(SITE); make run" >&2; exit 2; }
	@echo "site       http://localhost:$(or $(PORT),8766)/ (Ctrl-C ends it)"
	@$(PYTHON) -m http.server --bind 127.0.0.1 --directory $(SITE) $(or $(PORT),8766)

report: setup ## write the modeling report anew from the published warehouse
	@test -f $(PUBLISHED) || { echo "report: nothing is published yet in $(PUBLISHED); make run" >&2; exit 2; }
	@$(PYTHON) -m ml.pages report --db $(PUBLISHED) --site $(SITE)

truth: setup ## tell what the generated platform hides, and how well anybody could predict it
	@test -z "$(DATA)" || { echo "truth: DATA=$(DATA) is an export; only a generated platform has a truth" >&2; exit 2; }
	@$(PYTHON) -m expectations.lock $(WAREHOUSE) -- env MAKEFLAGS= $(MAKE) --no-print-directory -f stages.mk truth

backtest: setup ## replay the models: FROM=2022-07-01 TO=2023-07-01 EVERY=1mo
	@test -n "$(FROM)" && test -n "$(TO)" || { echo "backtest: say from when to when, e.g. make backtest FROM=2022-07-01 TO=2023-07-01 EVERY=1mo" >&2; exit 2; }
	@$(PYTHON) -m expectations.lock $(WAREHOUSE) -- env MAKEFLAGS= $(MAKE) --no-print-directory -f stages.mk backtest
export FROM TO
export EVERY ?= 1mo

tune: setup ## try hyperparameters on the published warehouse, inside the training window
	@$(PYTHON) -m ml.tune --db $(PUBLISHED)

experiment-design: setup ## tell the size of an experiment: BASE=0.05 LIFT=0.15 POWER=0.8
	@$(PYTHON) -m ml.experiments.design --base "$(or $(BASE),0.05)" --lift "$(or $(LIFT),0.15)" \
		--power "$(or $(POWER),0.8)" --db $(PUBLISHED)

test: setup ## run the test suite but its journeys, which .ci/run adds
	@$(PYTHON) -m pytest -n 2 --dist loadfile -m "not journey"

lint: setup ## check style and types of Python and SQL
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy generator expectations ml
	@$(VENV)/bin/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests

bench: setup ## measure time, memory and error rates; write the table of commands into README.md
	@$(PYTHON) tests/benchmarks/street.py
	@$(PYTHON) tests/benchmarks/generating.py
	@$(PYTHON) tests/benchmarks/serving.py
	@$(PYTHON) -m tests.benchmarks.experiments
	@$(PYTHON) -m tests.benchmarks.bandit
	@$(PYTHON) -m tests.benchmarks.monitor --site $(SITE)

clean: ## remove what can be made again; the published warehouse and its models stay
	@rm -rf $(WAREHOUSE)/build $(WAREHOUSE)/generated $(WAREHOUSE)/truth $(WAREHOUSE)/rejected $(SITE) dbt_project/target \
		.pytest_cache .mypy_cache .ruff_cache
	@find dbt_project/seeds -type f ! -name README.md -delete
	@echo "clean      removed the build area, generated data and pages; $(PUBLISHED) stays"
