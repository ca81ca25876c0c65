# Variables given to make (PORT=8123, DATA_DIR=..., DATABASE_URL=...) reach the recipes as environment variables.
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help up demo test check bench format clean

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Variables: PORT FLOWER_PORT DATA_DIR DATABASE_URL REDIS_URL BROKER_URL, as in: make up PORT=8123"

up: $(INSTALLED) ## Start everything on this machine and show how to pay an order; Ctrl-C stops
	@exec $(PYTHON) -m config.up

demo: $(INSTALLED) ## Send a few dozen orders through the running system, or a temporary one
	@exec $(PYTHON) -m config.demo

test: check ## Run every check and every test, on two processes unless the servers are yours
	@exec $(PYTHON) -m pytest $(if $(and $(DATABASE_URL),$(REDIS_URL),$(BROKER_URL)),,-n 2 --dist loadfile)

check: $(INSTALLED) ## Lint, types, import rules, missing migrations
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy .
	$(PYTHON) .venv/bin/lint-imports
	$(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

bench: $(INSTALLED) ## Measure Orderly beside pgbench and an ordinary design; GROWN=1 also beside a million commands
	@exec $(PYTHON) -m bench $(if $(GROWN),--grown)

format: $(INSTALLED) ## Format the code and mend what can be mended
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

clean: ## Delete environment, data and caches; stop `make up` first
	rm -rf .venv .tools .data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml uv.lock config/bootstrap.sh
	@sh config/bootstrap.sh
	@touch $@
