# The street, stage by stage: each stamp depends on the one before it and on what its stage reads.
# Run under the lock by the Makefile; all variables come from there.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON := $(VENV)/bin/python
DBT := $(VENV)/bin/dbt
BUILD := $(abspath $(WAREHOUSE))/build
STAMPS := $(BUILD)/stamps
PUBLISHED := $(abspath $(WAREHOUSE))/escrow.duckdb
PAGES := $(SITE)/index.html

# dbt-duckdb resolves a relative path from wherever it is called: all of them are absolute
export ESCROW_DB := $(BUILD)/escrow.duckdb
export DBT_PROJECT_DIR := $(abspath dbt_project)
export DBT_PROFILES_DIR := $(abspath .)
export DBT_TARGET_PATH := $(BUILD)/dbt-$(TARGET)
export DBT_LOG_PATH := $(BUILD)/logs
export ESCROW_RUN_ID

$(if $(filter duckdb,$(TARGET)),,$(error TARGET=$(TARGET) is not known; it is duckdb))
$(if $(filter-out 0 1,$(FAIL_ON_ALERT)),$(error FAIL_ON_ALERT=$(FAIL_ON_ALERT) is not known; it is 0 or 1))
$(if $(filter reject quarantine,$(ON_BAD_ROWS)),,$(error ON_BAD_ROWS=$(ON_BAD_ROWS) is not known; it is reject or quarantine))

ifeq (,$(DATA))
RAW := $(abspath $(WAREHOUSE))/generated/$(PLATFORM)
RAW_FILES := $(RAW)/votes.$(FORMAT)
else
RAW := $(abspath $(DATA))
RAW_FILES := $(wildcard $(RAW)/*.csv $(RAW)/*.parquet)
endif

# A stage is redone when its settings change, not only its files.
$(shell mkdir -p $(STAMPS) && printf '%s\n' "$(RAW)" "$(RAW_FILES)" "$(AS_OF)" "$(ON_BAD_ROWS)" > $(BUILD)/settings.new \
	&& { cmp -s $(BUILD)/settings.new $(BUILD)/settings || mv $(BUILD)/settings.new $(BUILD)/settings; })

# Without a build file, the stamps speak of the published one, if that is what they led to.
ifeq (,$(wildcard $(ESCROW_DB)))
$(shell test -f $(PUBLISHED) && test $(STAMPS)/publish -nt $(STAMPS)/land || rm -f $(STAMPS)/*)
endif

# Work goes on from the published file when only a late stage has changed.
OPEN_BUILD = test -f $(ESCROW_DB) || { cp $(PUBLISHED) $(ESCROW_DB).new && mv $(ESCROW_DB).new $(ESCROW_DB); }
LANDED = set -a; source $(BUILD)/landed.env; set +a
# A gate that refuses leaves 1 where the Makefile finds it.
REFUSES = || { code=$$?; echo $$code > $(EXIT_CODE); exit $$code; }

DBT_FILES := $(shell find dbt_project -type f \( -name '*.sql' -o -name '*.yml' -o -name '*.md' \) \
	-not -path 'dbt_project/seeds/*' -not -path 'dbt_project/target/*' -not -name DECISIONS.md)
INSIGHTS_FILES := $(filter dbt_project/models/marts/insights/% dbt_project/models/staging/ml/%,$(DBT_FILES))
LAND_FILES := $(wildcard expectations/contract*.py expectations/land*.py)
VALIDATE_FILES := $(wildcard expectations/validate* expectations/gx_duckdb.py expectations/suites/*)
PAGES_FILES := $(wildcard expectations/pages.py expectations/templates.py expectations/*.jinja templates/* ml/pages/*)

.PHONY: run all generate land features validate train predict monitor insights publish docs
run: ## the whole job: from raw files to a published warehouse and its pages
	@if $(MAKE) --no-print-directory -f stages.mk --question all; then \
		echo "run        nothing has changed: $(WAREHOUSE)/escrow.duckdb is up to date with its inputs"; \
	else \
		start=$$SECONDS; $(MAKE) --no-print-directory -f stages.mk all \
		&& echo "run        done in $$((SECONDS - start)) s. Ask it: make query SQL='from insights.project_outlook'; browse it: make site"; \
	fi
all: $(PAGES)
generate: $(RAW_FILES) ## generate a platform of SCALE and SEED
land: $(STAMPS)/land ## check the raw files against the contract and write what dbt loads
features: $(STAMPS)/features ## build and test core and features with dbt
validate: $(STAMPS)/validate ## judge core and features with Great Expectations
insights: $(STAMPS)/insights ## build insights from what the models wrote
publish: $(STAMPS)/publish ## put the finished warehouse in place of the published one
docs: $(PAGES) ## make the pages: index, validation, dbt docs

ifeq (,$(DATA))
$(RAW_FILES): $(wildcard generator/*.py)
	@$(GENERATE) --out $(RAW)
endif

$(STAMPS)/land: $(RAW_FILES) $(LAND_FILES) $(BUILD)/settings
	@$(PYTHON) -m expectations.land --data $(RAW) --warehouse $(WAREHOUSE) --seeds dbt_project/seeds \
		--as-of "$(AS_OF)" --on-bad-rows $(ON_BAD_ROWS) --run-id $(ESCROW_RUN_ID) $(REFUSES)
	@touch $@

$(STAMPS)/features: $(STAMPS)/land $(filter-out $(INSIGHTS_FILES),$(DBT_FILES)) profiles.yml
	@$(OPEN_BUILD); $(LANDED); start=$$SECONDS; \
	$(DBT) --quiet build --selector features --exclude-resource-type unit_test $(REFUSES); \
	echo "features   $$(grep -ao 'PASS=.*' $(DBT_LOG_PATH)/dbt.log | tail -1) ($$((SECONDS - start)) s) -> schemas core and features"
	@touch $@

$(STAMPS)/validate: $(STAMPS)/features $(VALIDATE_FILES)
	@$(OPEN_BUILD); $(PYTHON) -m expectations.validate --db $(ESCROW_DB) --published $(PUBLISHED) \
		--warehouse $(WAREHOUSE) --run-id $(ESCROW_RUN_ID) $(REFUSES)
	@touch $@

ML = $(OPEN_BUILD); $(PYTHON) -m ml
ML_ARGUMENTS = --db $(ESCROW_DB) --models $(WAREHOUSE)/models --run-id $(ESCROW_RUN_ID)
$(STAMPS)/ml: $(STAMPS)/validate $(wildcard ml/*.py ml/*.toml ml/*.sql ml/monitoring/*.py)
	@$(ML) train predict monitor $(ML_ARGUMENTS)
	@touch $@

# One stage of ml by itself; a run does all three in one process, since scikit-learn is slow to import.
train: $(STAMPS)/validate ## train the models
	@$(ML) train $(ML_ARGUMENTS)
predict: $(STAMPS)/validate ## predict live projects and open milestones
	@$(ML) predict $(ML_ARGUMENTS)
monitor: $(STAMPS)/validate ## say what has moved since training; FAIL_ON_ALERT=1 exits with 1 then
	@$(ML) monitor $(ML_ARGUMENTS) $(if $(filter 1,$(FAIL_ON_ALERT)),--fail-on-alert) $(REFUSES)

# Insights and the dbt docs share one process: dbt takes seconds to start.
DBT_IN_TURN = $(PYTHON) -c 'import sys; from dbt.cli.main import dbtRunner; dbt = dbtRunner(); \
	sys.exit(not all(dbt.invoke(words.split()).success for words in sys.argv[1:]))'
$(STAMPS)/insights: $(STAMPS)/ml $(INSIGHTS_FILES)
	@$(OPEN_BUILD); $(LANDED); start=$$SECONDS; \
	$(DBT_IN_TURN) "--quiet build --selector insights --exclude-resource-type unit_test" \
		"--quiet docs generate --static --no-compile" $(REFUSES); \
	echo "insights   $$(grep -ao 'PASS=.*' $(DBT_LOG_PATH)/dbt.log | tail -1) ($$((SECONDS - start)) s) -> schema insights and the dbt docs"
	@touch $@

$(STAMPS)/publish: $(STAMPS)/insights
	@$(OPEN_BUILD); $(PYTHON) -m expectations.publish --warehouse $(WAREHOUSE) $(REFUSES)
	@touch $@

# After the publish: a killed run leaves no line about what nobody can read, and the next one adds it.
$(STAMPS)/journal: $(STAMPS)/publish
	@$(PYTHON) -m ml.monitoring --db $(PUBLISHED) --run-id $(ESCROW_RUN_ID) \
		--journal $(WAREHOUSE)/monitoring/model_performance.jsonl
	@touch $@

$(PAGES): $(STAMPS)/journal $(PAGES_FILES)
	@$(PYTHON) -m ml.pages --db $(PUBLISHED) --site $(SITE)
	@$(PYTHON) -m expectations.pages --warehouse $(WAREHOUSE) --site $(SITE) --docs $(DBT_TARGET_PATH)/static_index.html
