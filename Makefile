# Each target prints its own help; `make` alone prints them all.
# LANDING: a file or folder of raw files to build from.   DBT_TARGET: a target of profiles.yml.
# ON_REFUSED=skip: build from the other files if a file is refused; by default the build stops.
# JSON=1: print JSON and nothing else, for programs.
# PARTS: what `make bench` measures, with commas between.   DBT: the version of dbt-core, 1.11 or 1.12.
# COLUMN: the column whose lineage `make lineage` prints, as gold.dim_product.category.
# BASE: the branch, tag or commit that `make review`, `make lint` and `make fix` compare with; main by default.
# FILES, ALL=1: what `make lint` and `make fix` work on instead: named files, or the whole project.
# WORKERS: how many processes lint and test side by side.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
WORKERS ?= 2
# DBT=1.12 works in an environment of its own: requirements.lock first, then the packages that 1.12 needs in other versions.
# requirements-site.lock, -dev and -bench hold what each adds to those before it, and are installed when a target needs them.
OTHER_DBT := $(filter-out 1.11,$(DBT))
VENV := $(if $(OTHER_DBT),.venv-dbt-$(OTHER_DBT),.venv)
DBT_LOCK := $(OTHER_DBT:%=requirements-dbt-%.lock)
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
SITE_INSTALLED := $(VENV)/site-installed
MIGRATE_INSTALLED := $(VENV)/migrate-installed
ORCHESTRATION_INSTALLED := $(VENV)/orchestration-installed
DEV_INSTALLED := $(VENV)/dev-installed
BENCH_INSTALLED := $(VENV)/bench-installed
INSTALL = $(PYTHON) -m scripts.install $(VENV) --stamp $@
# What `make clean` deletes.
GENERATED := .venv .venv.old .venv-dbt-* .warehouse .dagster target logs data/sample dbt_packages package-lock.yml \
	.pytest_cache .hypothesis .mypy_cache .ruff_cache site disclosures

# The embedded server, where it is the one to work on.
START = $(if $(filter-out local,$(DBT_TARGET)),true,$(BIN)/python -m scripts.warehouse start)

export DO_NOT_TRACK := 1
ifneq ($(OTHER_DBT),)
# Of a snapshot, dbt 1.12 keeps a folder where 1.11 keeps a file, so they cannot share one.
build docs: export DBT_TARGET_PATH := target/dbt-$(OTHER_DBT)
endif

LINTED = $(if $(ALL),--all) $(if $(BASE),--base "$(BASE)") $(FILES)

# What a build makes only if it is asked for: VAULT=1 the Data Vault, NETWORK=1 the network of products,
# STREAMS=1 what was captured from the shop.
comma := ,
SWITCHES = $(strip $(if $(filter-out 0,$(VAULT)),vault: true$(comma)) $(if $(filter-out 0,$(NETWORK)),network: true$(comma)) \
	$(if $(filter-out 0,$(STREAMS)),streams: true$(comma)))
OPTIONS = $(if $(SWITCHES),--vars "{$(SWITCHES)}")

BACKUPS_OPTION = $(if $(BACKUPS),--backups "$(BACKUPS)")

.PHONY: help advise audit evidence ask build live dagster demo stream shop migrate published publish rollback review roles user disclose forget archive restore-archive profile bi catalogue branch branch-build branches branch-drop metrics metric exports owners lineage test check lint fix new docs mcp site psql backup backups restore standby promote pool health bench bench-compare bench-history plans pictures star deps dev clean

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: deps ## land raw files (LANDING=..., else a sample) and build the tested warehouse (VAULT=1, NETWORK=1, STREAMS=1: the optional parts as well)
	@$(BIN)/python -m scripts.build $(if $(LANDING),"$(LANDING)") $(OPTIONS) $(if $(ON_REFUSED),--on-refused "$(ON_REFUSED)")

live: deps ## keep dbt loaded, and build whenever files arrive in a folder (LANDING=...), until Ctrl-C
	@$(BIN)/python -m scripts.live "$(LANDING)" $(OPTIONS) $(if $(ON_REFUSED),--on-refused "$(ON_REFUSED)")

# What Dagster remembers of runs is in .dagster; it reads its settings there.
dagster: export DAGSTER_HOME := $(CURDIR)/.dagster
dagster: override export LANDING := $(if $(LANDING),$(abspath $(LANDING)))
dagster: deps $(ORCHESTRATION_INSTALLED) ## serve runs, checks and backfills with Dagster on http://127.0.0.1:3000 (LANDING=..., DAGSTER_PORT; DAY=2011-01-04: only land that day and build)
	@$(START) >&2
	@umask 077; mkdir -p .dagster; cp orchestration/dagster.yaml .dagster/
	@$(BIN)/dagster $(if $(DAY),asset materialize --select landing/daily_files --partition "$(DAY)" \
		--config-json '{"loggers": {"console": {"config": {"log_level": "INFO"}}}}',dev --host 127.0.0.1 \
		--port $(or $(DAGSTER_PORT),3000)) -m orchestration.definitions

stream: $(INSTALLED) ## land each change of another PostgreSQL (URL=..., ONCE=1; SLOT=, PUBLICATION=), until Ctrl-C
	@$(START) >&2
	@$(BIN)/python -m scripts.stream cdc "$(URL)" $(if $(ONCE),--once) $(if $(SLOT),--slot "$(SLOT)") \
		$(if $(PUBLICATION),--publication "$(PUBLICATION)")

shop: $(INSTALLED) ## run a shop that trades, to capture changes from: RATE=5 SECONDS=60 SEED=1 STOP=1
	@$(BIN)/python -m scripts.shop $(if $(STOP),stop,serve $(if $(RATE),--rate "$(RATE)") $(if $(SEED),--seed "$(SEED)") \
		$(if $(SECONDS),--seconds "$(SECONDS)"))

migrate: $(INSTALLED) $(MIGRATE_INSTALLED) ## bring a warehouse with data to this code's revision (DOWN=1: back; SQL=1: print it; STATUS=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.migrate $(if $(DOWN),--down "$(DOWN)") $(if $(SQL),--sql) $(if $(STATUS),--status)

demo: deps ## show a late file, a correction, a failed check and a rollback in a warehouse that is deleted afterwards
	@$(BIN)/python -m scripts.demo

published: deps ## report the release: published when, from which files, with which checks (JSON=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.release published $(if $(JSON),--json)

publish: deps ## publish a candidate that passed all checks but was not published by its build
	@$(START) >&2
	@$(BIN)/python -m scripts.release publish $(OPTIONS)

rollback: deps ## go back to the release before
	@$(START) >&2
	@$(BIN)/python -m scripts.release rollback

review: deps $(SITE_INSTALLED) ## say what this branch does to the numbers: BASE=main DIRTY=1 DROP=1 APPROVED=1 OUT=folder JSON=1
	@$(START) >&2
	@$(BIN)/python -m scripts.review $(if $(BASE),--base "$(BASE)") $(if $(DIRTY),--dirty) $(if $(DROP),--drop) \
		$(if $(APPROVED),--approved) $(if $(OUT),--out "$(OUT)") $(if $(JSON),--json)

roles: $(INSTALLED) ## create the roles of roles.yml and their rights, and report each difference (CHECK=1: report only)
	@$(START) >&2
	@$(BIN)/python -m scripts.governance.roles apply $(if $(CHECK),--check)

disclose: $(INSTALLED) ## write everything that the warehouse holds of a customer to one JSON file (CUSTOMER=12346, OUT=...)
	@$(START) >&2
	@$(BIN)/python -m scripts.governance.people disclose --customer "$(CUSTOMER)" $(if $(OUT),--out "$(OUT)")

forget: deps ## erase a customer from everything that the warehouse holds (CUSTOMER=12346; DRY=1 lists, YES=1 does not ask, VAULT=1, NETWORK=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.forget --customer "$(CUSTOMER)" $(if $(YES),--yes) $(if $(DRY),--dry-run) $(OPTIONS)

archive: $(INSTALLED) ## take rows that are older than the contract keeps them to Parquet files (DRY=1, AS_OF=2026-11-30, TO=folder)
	@$(START) >&2
	@$(BIN)/python -m scripts.governance.retention archive $(if $(DRY),--dry-run) $(if $(AS_OF),--as-of "$(AS_OF)") \
		$(if $(TO),--to "$(TO)")

restore-archive: $(INSTALLED) ## verify archived files and put their rows back (FILE=manifest or name of a landed file, ALL=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.governance.retention restore $(if $(FILE),--file "$(FILE)") $(if $(ALL),--all)

user: $(INSTALLED) ## make a login with the rights of a role (NAME=..., ROLE=retail_analyst); the password is asked for
	@$(START) >&2
	@$(BIN)/python -m scripts.governance.roles user --name "$(NAME)" --role "$(ROLE)"

audit: $(INSTALLED) ## verify that the log of events is as it was written, and print the last events (ANCHOR=file, JSON=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.governance.events verify $(if $(ANCHOR),--anchor "$(ANCHOR)") $(if $(JSON),--json)

evidence: $(INSTALLED) ## print who approved, built and checked a release, and from which files (RELEASE=1, else the last; JSON=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.governance.events release $(if $(RELEASE),"$(RELEASE)") $(if $(JSON),--json)

branch: $(INSTALLED) ## make schemas apart that show the release, to build in, without a copy (NAME=new_mart)
	@$(START) >&2
	@$(BIN)/python -m scripts.playground make --name "$(NAME)"

branch-build: deps ## build and test models of the working tree in a branch (NAME=new_mart SELECT="my_mart")
	@$(START) >&2
	@$(BIN)/python -m scripts.playground build --name "$(NAME)" --select "$(SELECT)"

branches: $(INSTALLED) ## list the branches, what differs in each, their size and age (JSON=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.playground list $(if $(JSON),--json)

branch-drop: $(INSTALLED) ## drop a branch with all that was built in it (NAME=new_mart)
	@$(START) >&2
	@$(BIN)/python -m scripts.playground drop --name "$(NAME)"

profile: deps ## record how each column of the release looks: nulls, distinct values, range, frequent values, spread
	@$(START) >&2
	@$(BIN)/python -m scripts.release profile

bi: deps ## copy the release to the schema bi, as tables with primary and foreign keys for BI tools
	@$(START) >&2
	@$(BIN)/python -m scripts.release copy_for_bi

catalogue: deps ## list every check with its owner, severity and last failure (JSON=1), and write the documentation's catalogue
	@$(START) >&2
	@$(BIN)/python -m scripts.check_catalogue $(if $(JSON),--json)

owners: deps ## write .github/CODEOWNERS from the groups of models/_groups.yml: who reviews which file
	@$(BIN)/python -m scripts.owners

lineage: deps $(SITE_INSTALLED) ## write which column comes from which to docs/lineage.json and the warehouse, or print one (COLUMN=...)
	@$(if $(COLUMN),,$(START) >&2)
	@$(BIN)/python -m scripts.lineage $(if $(COLUMN),--column "$(COLUMN)")

metrics: deps $(SITE_INSTALLED) ## list every metric with its unit and definition (JSON=1), and write the table of docs/metrics.md
	@$(BIN)/python -m scripts.metrics list $(if $(JSON),--json)

metric: deps $(SITE_INSTALLED) ## show metrics of the release: NAME=net_revenue BY=month,country WHERE="country=France" FROM=2011 SHOW_SQL=1
	@$(START) >&2
	@$(BIN)/python -m scripts.metrics show "$(NAME)" --by "$(BY)" --where "$(WHERE)" --order "$(ORDER)" \
		$(if $(LIMIT),--limit "$(LIMIT)") $(if $(FROM),--start "$(FROM)") $(if $(UNTIL),--end "$(UNTIL)") \
		$(if $(SHOW_SQL),--sql) $(if $(JSON),--json)

exports: deps $(SITE_INSTALLED) ## write the exports of the saved queries to the schema reports, all from one release
	@$(START) >&2
	@$(BIN)/python -m scripts.metrics export

test check: ALL := 1
test: dev lint ## prove the project sound: lint, types, conventions, unit tests, injected faults
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: dev lint ## prove what needs no build of dbt: lint, types, loader, generator, contract
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m "not dbt and not slow"

lint: dev ## check style, types and conventions of what differs from main (BASE=...), of FILES="a.sql b.py", or of ALL=1
	@$(BIN)/python -m scripts.lint --workers $(WORKERS) $(LINTED)

fix: dev ## let ruff and sqlfluff mend what differs from main (BASE=...), FILES="a.sql b.py", or ALL=1
	@$(BIN)/python -m scripts.lint --fix $(LINTED)

# Shells may export COLUMNS, the width of the terminal.
WANTED = $(if $(filter command,$(origin COLUMNS)),$(COLUMNS))
new: $(INSTALLED) ## write a mart (MART=top_customers DOMAIN=marketing COLUMNS=customer_id,net_amount) or a source (SOURCE=budgets FILE=...)
	@$(BIN)/python -m scripts.scaffold --mart "$(MART)" --domain "$(DOMAIN)" --columns "$(WANTED)" \
		--source "$(SOURCE)" --file "$(FILE)"

docs: deps ## serve the documentation of the built warehouse on http://localhost:8080 (DOCS_PORT)
	@$(BIN)/python -m scripts.docs --port $(or $(DOCS_PORT),8080)

site: deps $(SITE_INSTALLED) ## write the page of the release to site/index.html: sales, quality and service, without a server
	@$(START) >&2
	@$(BIN)/python -m scripts.site

# The text of the question goes to the program as it is: make does not expand it, and no shell reads it.
ifneq ($(origin Q),undefined)
ask: export ASK_QUESTION := $(value Q)
unexport Q
endif
ask: deps $(SITE_INSTALLED) ## answer a question in words from the release (Q="return rate by country in 2011", else a prompt; JSON=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.ask $(if $(JSON),--json)

mcp: deps $(SITE_INSTALLED) ## serve questions and metrics to a language model, on standard input and output, read-only
	@$(START) >&2
	@$(BIN)/python -m scripts.ask.mcp_server

psql: $(INSTALLED) ## open psql on the warehouse
	@$(START) >&2
	@$(BIN)/python -m scripts.warehouse psql

backup: $(INSTALLED) ## back up the embedded server and verify it: FULL=1 KEEP=7 DAYS=30 BACKUPS=folder
	@$(BIN)/python -m scripts.backup take $(BACKUPS_OPTION) $(if $(FULL),--full) $(if $(KEEP),--keep "$(KEEP)") \
		$(if $(DAYS),--days "$(DAYS)")

backups: $(INSTALLED) ## list the backups (JSON=1)
	@$(BIN)/python -m scripts.backup list $(BACKUPS_OPTION) $(if $(JSON),--json)

restore: $(INSTALLED) ## restore a backup into a new warehouse folder: BACKUP=name TO="2026-11-30 10:45" INTO=folder
	@$(BIN)/python -m scripts.backup restore $(BACKUPS_OPTION) $(if $(BACKUP),--backup "$(BACKUP)") \
		$(if $(TO),--to "$(TO)") $(if $(INTO),--into "$(INTO)")

standby: $(INSTALLED) ## let a second server follow the embedded one, for readers, and show its lag (STANDBY=folder, REMOVE=1)
	@$(BIN)/python -m scripts.backup standby $(if $(STANDBY),--folder "$(STANDBY)") $(if $(REMOVE),--remove)

promote: $(INSTALLED) ## let the standby take over from an embedded server that is down
	@$(BIN)/python -m scripts.backup promote

pool: $(INSTALLED) ## run PgBouncer before the embedded server, for many readers (PORT=6432, STOP=1)
	@$(BIN)/python -m scripts.pool $(if $(STOP),stop,start $(if $(PORT),--port "$(PORT)"))

health: $(INSTALLED) ## report whether the warehouse is well, with an exit code (JSON=1, PROMETHEUS=1, LIMITS="disk=95 backup=72")
	@$(BIN)/python -m scripts.health $(if $(LIMITS),--limit "$(LIMITS)") $(if $(JSON),--json) $(if $(PROMETHEUS),--prometheus)

advise: $(INSTALLED) ## advise indexes and stored tables from what was asked, and name what nobody asks (TOP=20, ALL=1, JSON=1)
	@$(START) >&2
	@$(BIN)/python -m scripts.advise $(if $(TOP),--top "$(TOP)") $(if $(ALL),--all-roles) $(if $(JSON),--json)

bench: dev $(BENCH_INSTALLED) ## measure side by side on servers of its own (LANDING=..., else generated files; PARTS=...)
	@$(BIN)/python -m scripts.bench $(if $(LANDING),"$(LANDING)") $(if $(PARTS),--parts "$(PARTS)") $(if $(ROWS),--rows "$(ROWS)") \
		$(if $(ROUNDS),--rounds "$(ROUNDS)")

bench-compare: dev $(BENCH_INSTALLED) ## measure a commit and the working tree in turn, and name what is slower (BASE=main ROUNDS=5 PARTS=scratch HISTORY=1)
	@$(BIN)/python -m scripts.bench.compare $(if $(LANDING),"$(LANDING)") $(if $(BASE),--base "$(BASE)") $(if $(HISTORY),--history) \
		$(if $(ROUNDS),--rounds "$(ROUNDS)") $(if $(PARTS),--parts "$(PARTS)") $(if $(ROWS),--rows "$(ROWS)")

bench-history: $(INSTALLED) ## draw docs/bench_history.md: each measurement by commit, in times of the reference script
	@$(BIN)/python -m scripts.bench.trend

plans: deps ## write the plan of each dashboard query on the built warehouse to docs/plans/, and print its time
	@$(START)
	@$(BIN)/python -m scripts.bench.plans

pictures: deps ## draw the pictures of the README: the way of the data, and a demo recorded from the last commit
	@$(BIN)/python -m scripts.pictures.data_flow
	@$(BIN)/python -m scripts.pictures.demo

star: deps ## write the diagram of the star schema, from the keys that the contracts declare, to docs/star_schema.md
	@$(BIN)/python -m scripts.site.star

deps: $(INSTALLED) ## install the dbt packages, from the Hub or else from offline_packages/
	@$(BIN)/python -m scripts.packages $(if $(JSON)$(filter mcp,$(MAKECMDGOALS)),>&2)

dev: deps $(DEV_INSTALLED) ## install the tools of `make lint` and `make test` as well

clean: ## stop the embedded server; delete it, its data, the environments and all that was generated
	@for path in $(wildcard $(GENERATED) data); do \
		if [ -L "$$path" ]; then \
			echo "Error: $$path is a symbolic link, and \`make clean\` never deletes what is behind one: remove the link" >&2; exit 1; \
		fi; done
	@for python in $(wildcard .venv*/bin/python); do $$python -m scripts.shop destroy; $$python -m scripts.warehouse destroy --yes; break; done
	@rm -rf $(GENERATED)
	@rmdir data 2>/dev/null || true
	@find scripts tests -name __pycache__ -prune -exec rm -rf {} +

# Each installation writes its stamp last, so the next run repeats an installation that was interrupted.
$(INSTALLED): requirements.lock $(DBT_LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || \
		{ echo "Error: $$($(PYTHON) --version) will not do, 3.10 to 3.13 is needed: make PYTHON=/path/to/python3"; exit 1; }
	@$(INSTALL) --fresh requirements.lock $(DBT_LOCK)

# Alembic, for revisions of a warehouse with data.
$(MIGRATE_INSTALLED): $(INSTALLED) requirements-migrate.lock
	@$(INSTALL) requirements-migrate.lock $(DBT_LOCK)

# Dagster with its page.
$(ORCHESTRATION_INSTALLED): $(INSTALLED) requirements-orchestration.lock
	@$(INSTALL) requirements-orchestration.lock $(DBT_LOCK)

# The site, the lineage, metrics and questions.
$(SITE_INSTALLED): $(INSTALLED) requirements-site.lock
	@$(INSTALL) requirements-site.lock $(DBT_LOCK)

$(DEV_INSTALLED): $(SITE_INSTALLED) requirements-dev.lock
	@$(INSTALL) requirements-dev.lock $(DBT_LOCK)

# What the benchmark compares with; nothing else needs it.
$(BENCH_INSTALLED): $(DEV_INSTALLED) requirements-bench.lock
	@$(INSTALL) requirements-bench.lock $(DBT_LOCK)
