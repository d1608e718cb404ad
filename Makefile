# What people call. The stages, and what is due, stand in pipeline/; their variables in pipeline/settings.py.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# One warehouse, one writer: goals run in turn, whatever -j says.
.NOTPARALLEL:

# Of a run; empty ones have the defaults of pipeline/settings.py.
RUN_VARIABLES := SCALE SEED SCENARIO DATA TRUTH AS_OF ON_BAD_ROWS FAIL_ON_ALERT TARGET SPARK_MASTER DUCKDB_MEMORY WAREHOUSE SITE FROM TO EVERY
# Of the service; empty ones have the defaults of ml/serving/http/options.py.
SERVE_VARIABLES := HOST WORKERS LIMIT LIMITS KEYS NAME PROXIES
# An empty folder is the default one, here as there: it would be the root of the disk.
override WAREHOUSE := $(or $(WAREHOUSE),warehouse)
override SITE := $(or $(SITE),site)
override VENV := $(or $(VENV),.venv)
export $(RUN_VARIABLES) $(SERVE_VARIABLES) SQL TABLE FORMAT OUT KEEP_DAYS PROJECT MILESTONE BASE LIFT POWER PORT VENV
VARIABLES := $(RUN_VARIABLES) $(SERVE_VARIABLES) SQL TABLE FORMAT OUT KEEP_DAYS PROJECT MILESTONE BASE LIFT POWER PORT VENV MAKEFLAGS
$(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),\
	$(if $(filter $(name),$(VARIABLES)),,$(error $(name) is no variable of this Makefile; there are $(VARIABLES)))))

PYTHON := $(VENV)/bin/python
export DO_NOT_TRACK := 1
export PYTHONUNBUFFERED := 1
export PYTHONUTF8 := 1
PUBLISHED = $${WAREHOUSE}/escrow.duckdb
# what a target needs that reads the published warehouse
PUBLISHED_NEEDED = @test -f "$(PUBLISHED)" || { echo "$@: nothing is published yet in $(PUBLISHED); make run" >&2; exit 2; }

GOALS := run generate land features validate train predict monitor amount experiment bandit online insights publish docs truth backtest
.PHONY: help setup $(GOALS) predict-one serve key strategy query export diff prune shell site report tune experiment-design contract pictures test lint realism bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sort -u \
		| awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'
	@echo
	@echo "  variables: SCALE=1 SEED=42 DATA=dir AS_OF=2024-01-01T00:00:00Z ON_BAD_ROWS=reject|quarantine PORT=8766"
	@echo "             SCENARIO=steady|new_category|price_shift|quality_drop|bot_pledges|tide TRUTH=dir FAIL_ON_ALERT=0|1"
	@echo "             TARGET=duckdb|spark SPARK_MASTER=spark://host:7077 (see docs/growing.md) DUCKDB_MEMORY=80%"
	@echo "             WAREHOUSE=warehouse SITE=site LIMITS=redis://host:6379 (of predict-one and serve)"
	@echo "             TABLE=schema.table FORMAT=csv OUT=file (of export; FORMAT also of query)"
	@echo "             KEEP_DAYS=90 (of prune)"
	@echo "             HOST=127.0.0.1 PORT=8765 WORKERS=1 LIMIT=60 KEYS=file PROXIES=10.0.0.0/8 (of serve)"

setup: $(VENV)/.installed $(if $(filter spark,$(TARGET)),$(VENV)/.installed-spark) ## make the environment in .venv; TARGET=spark adds Spark

# Compiled once here, since where PYTHONDONTWRITEBYTECODE is set nothing would ever be kept; and the script of the charts
# put together once, which each new site would do otherwise.
$(VENV)/.installed: requirements.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "python3 is $$(python3 -V 2>&1); Python 3.11 or newer is needed" >&2; exit 2; }
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	if [ ! -x "$$uv" ]; then \
		sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p}' requirements.lock > $(VENV)/uv.lock; \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock; \
	fi; \
	"$$uv" pip install --quiet --compile-bytecode --python $(PYTHON) --require-hashes -r requirements.lock
	@$(PYTHON) -m pages.assets
	@touch $@
	@echo "setup      $$($(PYTHON) -V) and the locked packages -> $(VENV)"

$(VENV)/.installed-spark: requirements-spark.lock $(VENV)/.installed
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
	"$$uv" pip install --quiet --compile-bytecode --python $(PYTHON) --require-hashes -r requirements.lock -r $<
	@touch $@
	@echo "setup      Spark -> $(VENV)"

run: ## the whole job: from raw files to a published warehouse and its pages
generate: ## generate a platform of SCALE and SEED
land: ## check the raw files against the contract and write what dbt loads
features: ## build and test core and features with dbt
validate: ## check core and features with Great Expectations
train: ## train the models
predict: ## predict live projects and open milestones
monitor: ## test for drift of features and outcomes; python -m pipeline run|monitor FAIL_ON_ALERT=1 exits with 1 on an alert
amount: ## predict what live projects will have raised in all
experiment: ## analyse experiments, with all interim analyses
bandit: ## learn the release strategies of the next projects
online: ## take the log of online predictions into the warehouse
insights: ## build insights from what the models wrote
publish: ## put the finished warehouse in place of the published one
docs: ## make the pages of the site, with dbt docs and column lineage
truth: ## write the truth of the generated platform, and the best achievable accuracy
backtest: ## replay the models: FROM=2022-07-01 TO=2023-07-01 EVERY=1mo
$(GOALS): setup
	@$(PYTHON) -m pipeline $@

predict-one: setup ## predict PROJECT=id or MILESTONE=id, at most 60 times a minute
	@test -n "$${PROJECT:-}$${MILESTONE:-}" || { echo "predict-one: PROJECT or MILESTONE is missing, e.g. make predict-one PROJECT=1" >&2; exit 2; }
	@$(PYTHON) -m ml.serving --warehouse "$$WAREHOUSE" $(if $(PROJECT),--project="$$PROJECT") \
		$(if $(MILESTONE),--milestone="$$MILESTONE") $(if $(LIMITS),--limits="$$LIMITS")

serve: setup ## serve predictions over HTTP on HOST:PORT, documented at /docs
	@exec $(PYTHON) -m ml.serving.http --warehouse="$$WAREHOUSE" --host="$${HOST:-}" --port="$${PORT:-}" \
		--workers="$${WORKERS:-}" --limit="$${LIMIT:-}" --limits="$${LIMITS:-}" --keys="$${KEYS:-}" \
		--proxies="$${PROXIES:-}"

key: setup ## make an API key for serve: KEYS=file NAME=whom
	@test -n "$${KEYS:-}" -a -n "$${NAME:-}" || { echo "key: KEYS or NAME is missing, e.g. make key KEYS=keys.txt NAME=ann" >&2; exit 2; }
	@$(PYTHON) -m ml.serving.http.keys --file="$$KEYS" --name="$$NAME"

strategy: setup ## print the release strategy that the project PROJECT=id gets if it launches now
	@test -n "$${PROJECT:-}" || { echo "strategy: PROJECT is missing, e.g. make strategy PROJECT=20001" >&2; exit 2; }
	@$(PYTHON) -m ml.bandit --db "$(PUBLISHED)" --project="$$PROJECT"

query: setup ## print the answer to SQL='select …' from the published warehouse: FORMAT=table|csv|json|markdown
	@test -n "$${SQL:-}" || { echo "query: SQL is missing, e.g. make query SQL='from insights.project_outlook'" >&2; exit 2; }
	$(PUBLISHED_NEEDED)
	@case "$${FORMAT:-table}" in \
		table) mode=(); test -t 1 || mode=(-cmd '.highlight off') ;; \
		csv) mode=(-csv -nullvalue '') ;; \
		json | markdown) mode=("-$$FORMAT") ;; \
		*) echo "query: FORMAT=$$FORMAT is none of table, csv, json, markdown" >&2; exit 2 ;; \
	esac; \
	$(VENV)/bin/duckdb -readonly "$${mode[@]}" "$(PUBLISHED)" -c "$$SQL"

export: setup ## write TABLE=schema.table to a file: FORMAT=csv|parquet|json OUT=exports/schema.table.csv
	@test -n "$${TABLE:-}" || { echo "export: TABLE is missing, e.g. make export TABLE=core.escrow_balances FORMAT=csv" >&2; exit 2; }
	$(PUBLISHED_NEEDED)
	@$(PYTHON) -m pipeline.export "$$WAREHOUSE" "$$TABLE" "$${FORMAT:-}" "$${OUT:-}"

diff: setup ## compare a build that is not published yet with the published warehouse, table by table
	@$(PYTHON) -m pipeline.diff "$$WAREHOUSE"

prune: setup ## remove model files of versions not decided upon in the last KEEP_DAYS=90 days before AS_OF
	@test -n "$${KEEP_DAYS:-}" || { echo "prune: KEEP_DAYS is missing, e.g. make prune KEEP_DAYS=90" >&2; exit 2; }
	@$(PYTHON) -m pipeline.prune "$$WAREHOUSE" "$$KEEP_DAYS"

shell: setup ## open an SQL prompt on the published warehouse, read-only
	$(PUBLISHED_NEEDED)
	@$(VENV)/bin/duckdb -readonly "$(PUBLISHED)"

site: setup ## serve the pages on localhost:PORT
	@$(PYTHON) -m pipeline.site "$$SITE" "$${PORT:-8766}"

report: setup ## write the modeling report anew from the published warehouse
	$(PUBLISHED_NEEDED)
	@$(PYTHON) -m pages report --warehouse "$$WAREHOUSE" --site "$$SITE"

tune: setup ## try hyperparameters on the published warehouse, on outcomes known before what is measured
	$(PUBLISHED_NEEDED)
	@$(PYTHON) -m ml.modeling.tune --db "$(PUBLISHED)"

experiment-design: setup ## print the sample size of an experiment: BASE=0.05 LIFT=0.15 POWER=0.8
	@$(PYTHON) -m ml.experiments.design --base="$${BASE:-0.05}" --lift="$${LIFT:-0.15}" \
		--power="$${POWER:-0.8}" --db "$(PUBLISHED)"

contract: setup ## write the raw contract into docs: data-contract.yaml, the columns in own-export.md
	@$(PYTHON) -m expectations.landing.odcs docs

pictures: setup ## take the pictures of the README from the site, with Chromium
	@$(PYTHON) tests/benchmarks/pictures.py "$$SITE"

# One process of the tests takes what another has compiled, also where PYTHONDONTWRITEBYTECODE is set.
test: setup ## run the test suite without the journeys (.ci/run runs all)
	@PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest -n 2 --dist loadfile -m "not journey"

lint: setup ## check style and types of Python and SQL, and that Spark reads it alike
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy generator expectations ml pages pipeline .ci/portable_sql.py
	@$(VENV)/bin/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests dbt_project/analyses
	@$(PYTHON) .ci/portable_sql.py

realism: setup ## compare the generated platform with real campaigns; writes docs/generated-platform.md
	@$(PYTHON) -m tests.benchmarks.realism

bench: setup ## measure time, memory and errors; write them into README.md and docs/
	@$(PYTHON) tests/benchmarks/whole_run.py
	@$(PYTHON) tests/benchmarks/generating.py
	@$(PYTHON) -m tests.benchmarks.growth
	@$(PYTHON) -m tests.benchmarks.days
	@$(PYTHON) -m tests.benchmarks.side_by_side
	@$(PYTHON) -m tests.benchmarks.spark
	@$(PYTHON) -m tests.benchmarks.realism
	@$(PYTHON) tests/benchmarks/serving.py
	@$(PYTHON) -m tests.benchmarks.http_service
	@$(PYTHON) -m tests.benchmarks.experiments
	@$(PYTHON) -m tests.benchmarks.bandit
	@$(PYTHON) -m tests.benchmarks.monitor --site "$$SITE"
	@$(PYTHON) -m pipeline run SCALE=10 WAREHOUSE=$${WAREHOUSE}-bench SITE=$${SITE}-bench
	@$(PYTHON) -m tests.benchmarks.site "$${WAREHOUSE}-bench" "$${SITE}-bench"
	@$(PYTHON) -m tests.benchmarks.coverage
	@$(PYTHON) -m tests.benchmarks.seeds
	@PATH_SEQUENCES=80 $(PYTHON) -m pytest -q -m "not journey" tests/ml/test_path_independence.py

clean: ## remove what can be made again; the published warehouse and its models stay
	@$(or $(wildcard $(PYTHON)),python3) -m pipeline.clean "$$WAREHOUSE" "$$SITE"
