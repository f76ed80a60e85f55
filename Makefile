# Every target stands on .venv, which is built from requirements.lock alone.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell command -v $(p) >/dev/null 2>&1 && $(p) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && echo $(p))))
BIN := .venv/bin
UV_VERSION := 0.13.9
COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help book test lab refresh bench lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

book: .venv/ready  ## execute every stale chapter and render the site to _build/html/index.html
	@$(BIN)/bizai book

test: .venv/ready  ## run every test: unit, property, cross-library, notebooks, reruns, site
	@$(BIN)/python -m tests.site.browser
	@$(BIN)/bizai book
	@$(BIN)/python -m pytest

lab: .venv/ready  ## open the chapters in JupyterLab
	@$(BIN)/jupyter trust notebooks/*.ipynb >/dev/null   # JupyterLab shows no SVG of a notebook it does not trust
	@$(BIN)/jupyter lab --notebook-dir=notebooks

refresh: .venv/ready  ## execute every stale chapter and write its outputs into notebooks/
	@$(BIN)/bizai refresh

bench: .venv/bench  ## compare the library with its peers, as ratios in one run; RATINGS=u.data for ratings of one's own
	@$(BIN)/python -m benchmarks $(if $(RATINGS),recommend --ratings "$(RATINGS)")

lock: .venv/ready  ## resolve the newest versions within pyproject.toml's ranges, with hashes
	@$(BIN)/pip install --quiet uv==$(UV_VERSION)
	@$(COMPILE) --upgrade --extra book --extra test pyproject.toml --output-file requirements.lock
	@$(COMPILE) --upgrade --extra bench --constraint requirements.lock pyproject.toml --output-file requirements-bench.lock

clean:  ## remove everything that was built; .venv stays
	rm -rf _build .pytest_cache .hypothesis

.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "CPython 3.11, 3.12 or 3.13 is needed and was not found; name one with make PYTHON=..." >&2; exit 1; }
	@echo "installing into .venv with $$($(PYTHON) --version) (some minutes, once)"
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# A lock is complete; --no-deps, because statsforecast names an older pandas than the one it is measured with.
.venv/bench: .venv/ready requirements-bench.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-bench.lock
	@touch $@
