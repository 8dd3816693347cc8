# Every target bootstraps itself from python3 >= 3.11, pip and make. The tools and packages stay in .boot and .venv.

PYTHON ?= python3
DB ?= sqlite postgresql
WORKERS ?= 3
ARGS ?=

# Never download a Python: the one named above is the one that is used.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON := .venv/bin/python
uv := .boot/bin/uv
python := .venv/bin/python
compile := $(uv) pip compile -q --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock"

.PHONY: help demo test test-deep check format bench bench-growth bench-lists bench-load messages lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       a running site with demo content (Ctrl-C stops it; again resumes it)"
	@echo "make test       the whole suite, on SQLite and on PostgreSQL (DB=sqlite for one; ARGS='-k claim' for less)"
	@echo "make test-deep  the same, with 40 times as many generated examples and more workers killed"
	@echo "make check      lint, formatting, types, import contracts, missing migrations"
	@echo "make bench      the table of figures in the README"
	@echo "make bench-growth  a ledger of 5,000,000 postings beside an empty one (ARGS='--scale .1 --explain')"
	@echo "make bench-lists the admin's pages beside 1,000 campaigns and 5,000,000 claims (ARGS='--scale .1')"
	@echo "make bench-load claims over HTTP at 16 and 64 connections, beside 10,000 and 5,000,000 claims"
	@echo "make format     let ruff format and mend what it can"
	@echo "make messages   compile the translations (.po to .mo)"
	@echo "make lock       resolve pyproject.toml into requirements/*.lock again"
	@echo "make clean      remove the environment, the tools and the caches (never var/)"

demo: .venv/base.stamp
	@$(python) manage.py demo

# Both runs happen, whatever the first one says. Where Python is told to keep no compiled files, each worker of each
# run would take all tests apart again, for eight seconds.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/dev.stamp
	@failed=; for database in $(DB); do \
		echo "== tests on $$database"; \
		TOKUTEN_TEST_DB=$$database $(python) -m pytest -n $(WORKERS) --dist worksteal $(ARGS) || failed="$$failed $$database"; \
	done; \
	if [ -n "$$failed" ]; then echo "Failed on:$$failed" >&2; exit 1; fi

test-deep: ARGS += --hypothesis-profile=deep --timeout=3600
test-deep: test

# The checks import the settings: of no one's data.
check: export TOKUTEN_ENV := test
check: export VAR_DIR := var/check
check: .venv/dev.stamp
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy .
	.venv/bin/lint-imports
	$(python) manage.py makemigrations --check --dry-run

bench: .venv/dev.stamp
	@$(python) -m tests.benchmarks

bench-growth: .venv/dev.stamp
	@$(python) -m tests.benchmarks.bench_growth $(ARGS)

bench-lists: .venv/dev.stamp
	@$(python) -m tests.benchmarks.bench_lists $(ARGS)

bench-load: .venv/dev.stamp
	@$(python) -m tests.benchmarks.bench_load $(ARGS)

format: .venv/dev.stamp
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

messages: .venv/dev.stamp
	@$(python) -c "import pathlib, polib; [polib.pofile(str(po)).save_as_mofile(str(po.with_suffix('.mo'))) \
		for po in pathlib.Path().glob('*/locale/*/LC_MESSAGES/*.po')]"

lock: .boot/stamp
	env -u UV_PYTHON $(compile) --group boot -o requirements/boot.lock
	env -u UV_PYTHON $(compile) pyproject.toml -o requirements/base.lock
	env -u UV_PYTHON $(compile) pyproject.toml --group dev -c requirements/base.lock -o requirements/dev.lock

clean:
	rm -rf .boot .venv .test-databases .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo needs the runtime packages alone. The development set contains them, in the same versions.
.venv/base.stamp: requirements/base.lock | .venv/python.stamp
	@echo "Installing the packages (once) ..."
	@$(uv) pip install -q --require-hashes -r requirements/base.lock
	@touch $@

.venv/dev.stamp: requirements/dev.lock | .venv/python.stamp
	@echo "Installing the packages and the development tools (once) ..."
	@$(uv) pip sync -q --require-hashes requirements/dev.lock
	@touch .venv/base.stamp $@

.venv/python.stamp: | .boot/stamp
	@env -u UV_PYTHON $(uv) venv -q --clear .venv -p "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@touch $@

.boot/stamp: requirements/boot.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Tokuten needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || \
		{ echo "Tokuten needs pip for $(PYTHON) (on Debian: apt install python3-pip)." >&2; exit 1; }
	@rm -rf .boot
	@$(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .boot --require-hashes -r requirements/boot.lock
	@touch $@
