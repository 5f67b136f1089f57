# Two commands do the job on a fresh machine: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
TEST_WORKERS ?= 2
AS_USERS := tests/test_examples.py tests/methods/test_pvt.py tests/methods/test_power_fix.py \
            tests/methods/test_nine_d.py tests/methods/test_coverage.py

.DEFAULT_GOAL := help
.PHONY: help demo test study-test user-test browser-test gallery lint types contract docs hygiene evidence-check evidence bench ci clean

help:
	@echo "make demo        solve a receiver position from real Iridium Doppler; report in out/demo"
	@echo "make test        run the tests"
	@echo "make study-test  run the slow statistical studies at full size"
	@echo "make user-test   run some of them with XLA's own flags, as users compile"
	@echo "make browser-test  open reports in headless Chromium; screenshots in build/browser"
	@echo "make bench       run the benchmarks (ratios against peers in the same run)"
	@echo "make gallery     draw the pictures of the documentation again (an hour)"
	@echo "make docs        build the documentation (strict)"
	@echo "make ci          everything that CI runs"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "leopnt needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-ready: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.dev-ready: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev,viz]'
	@touch $@ $(VENV)/.demo-ready

demo: $(VENV)/.demo-ready
	@$(BIN)/leopnt fix examples/iridium_hong_kong.toml --out out/demo

test: $(VENV)/.dev-ready
	@rm -rf build/evidence
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

study-test: $(VENV)/.dev-ready
	LEOPNT_STUDY_SIZE=full $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile -m study

user-test: $(VENV)/.dev-ready
	XLA_FLAGS= $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile $(AS_USERS)

browser-test: $(VENV)/.dev-ready
	@bash tests/browser/get_chromium.sh
	$(BIN)/python -m pytest tests/browser

lint: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-ready
	$(BIN)/basedpyright

contract: $(VENV)/.dev-ready
	$(BIN)/lint-imports

gallery: $(VENV)/.dev-ready
	@bash tests/browser/get_chromium.sh
	$(BIN)/python docs/make_gallery.py

docs: $(VENV)/.dev-ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

hygiene: $(VENV)/.dev-ready
	$(BIN)/python tests/check_hygiene.py

evidence-check: $(VENV)/.dev-ready
	$(BIN)/python tests/evidence_table.py --check

evidence: $(VENV)/.dev-ready
	$(BIN)/python tests/evidence_table.py --write

bench: $(VENV)/.dev-ready
	$(PIP) -e '.[bench]'
	$(BIN)/python -m benchmarks

ci:
	bash .ci/run

clean:
	rm -rf build dist site out .pytest_cache .ruff_cache
