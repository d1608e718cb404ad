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

# The truth concerns the models alone.
$(shell printf '%s\n' "$(TRUTH)" > $(BUILD)/settings.new \
	&& { cmp -s $(BUILD)/settings.new $(BUILD)/settings.ml || mv $(BUILD)/settings.new $(BUILD)/settings.ml; })

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
INSIGHTS_FILES := $(filter dbt_project/models/marts/insights/%,$(DBT_FILES))
LAND_FILES := $(wildcard expectations/contract*.py expectations/land*.py)
VALIDATE_FILES := $(wildcard expectations/validate* expectations/gx_duckdb.py expectations/suites/*)
PAGES_FILES := $(wildcard expectations/pages.py expectations/templates.py expectations/*.jinja templates/* ml/pages/*)

.PHONY: run all truth backtest generate land features validate train predict monitor experiment bandit online insights publish docs
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
online: $(STAMPS)/online ## take the log of online predictions into the warehouse
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
ML_ARGUMENTS = --db $(ESCROW_DB) --models $(WAREHOUSE)/models --run-id $(ESCROW_RUN_ID) $(if $(TRUTH),--truth $(TRUTH))
ML_FILES := $(wildcard ml/*.py ml/*.toml $(foreach part,monitoring experiments release,ml/$(part)/*.py ml/$(part)/*.toml))
$(STAMPS)/ml: $(STAMPS)/validate $(ML_FILES) $(BUILD)/settings.ml
	@$(ML) train predict monitor experiment bandit $(ML_ARGUMENTS)
	@touch $@

# One stage of ml by itself; a run does all of them in one process, since scikit-learn is slow to import.
train: $(STAMPS)/validate ## train the models
	@$(ML) train $(ML_ARGUMENTS)
predict: $(STAMPS)/validate ## predict live projects and open milestones
	@$(ML) predict $(ML_ARGUMENTS)
monitor: $(STAMPS)/validate ## say what has moved since training; FAIL_ON_ALERT=1 exits with 1 then
	@$(ML) monitor $(ML_ARGUMENTS) $(if $(filter 1,$(FAIL_ON_ALERT)),--fail-on-alert) $(REFUSES)
experiment: $(STAMPS)/validate ## analyse experiments, look by look
	@$(ML) experiment $(ML_ARGUMENTS)
bandit: $(STAMPS)/validate ## learn which release strategy the next projects should get
	@$(ML) bandit $(ML_ARGUMENTS)

# Replayed rows are history like any other: insights and pages follow, then all is published.
backtest: $(STAMPS)/ml
	@$(OPEN_BUILD); $(PYTHON) -m ml.backtest --db $(ESCROW_DB) --from $(FROM) --to $(TO) --every $(EVERY) --run-id $(ESCROW_RUN_ID)
	@touch $(STAMPS)/ml
	@$(MAKE) --no-print-directory -f stages.mk all

# The truth of the generated platform, and what a strong learner makes of ten times as much of another one. Both
# are built aside; the seeds, of which there is one folder, are put back as they were.
TRUTH_FOLDER := $(WAREHOUSE)/truth/$(PLATFORM)
ASIDE = env MAKEFLAGS= $(MAKE) --silent --no-print-directory features AS_OF= ON_BAD_ROWS=reject
truth:
	@$(GENERATE) --out $(TRUTH_FOLDER).data --truth $(TRUTH_FOLDER)
	@$(PYTHON) -m generator.truth --truth $(TRUTH_FOLDER) --data $(TRUTH_FOLDER).data
	@rm -rf $(TRUTH_FOLDER).seeds && cp -a dbt_project/seeds $(TRUTH_FOLDER).seeds; \
	trap 'rm -rf dbt_project/seeds && mv $(TRUTH_FOLDER).seeds dbt_project/seeds; rm -rf $(TRUTH_FOLDER).data $(TRUTH_FOLDER).same $(TRUTH_FOLDER).larger' EXIT; \
	$(ASIDE) DATA=$(TRUTH_FOLDER).data WAREHOUSE=$(TRUTH_FOLDER).same > /dev/null; \
	$(ASIDE) SCALE=$$((10 * $(SCALE))) SEED=$$((1000 + $(SEED))) WAREHOUSE=$(TRUTH_FOLDER).larger > /dev/null; \
	$(PYTHON) -m ml.ceiling --truth $(TRUTH_FOLDER) --db $(TRUTH_FOLDER).same/build/escrow.duckdb \
		--larger $(TRUTH_FOLDER).larger/build/escrow.duckdb; \
	echo "truth      -> $(TRUTH_FOLDER); make run TRUTH=$(TRUTH_FOLDER) measures the models beside it"

# The log goes on being written: the stamp is of the moment before it is read. The folder stands for
# files that come with the time of another day.
ONLINE := $(abspath $(WAREHOUSE))/online
$(STAMPS)/online: $(STAMPS)/ml $(wildcard $(ONLINE) $(ONLINE)/*.jsonl*)
	@touch $@.begun
	@$(if $(wildcard $(ONLINE)/*.jsonl*),$(OPEN_BUILD); $(PYTHON) -m ml.online --db $(ESCROW_DB) --log $(ONLINE) --run-id $(ESCROW_RUN_ID))
	@mv $@.begun $@

# Insights and the dbt docs share one process: dbt takes seconds to start.
DBT_IN_TURN = $(PYTHON) -c 'import sys; from dbt.cli.main import dbtRunner; dbt = dbtRunner(); \
	sys.exit(not all(dbt.invoke(words.split()).success for words in sys.argv[1:]))'
$(STAMPS)/insights: $(STAMPS)/online $(INSIGHTS_FILES)
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
