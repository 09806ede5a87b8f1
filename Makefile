# `make demo` and `make test` do all the set-up there is.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := build/demo
EXPERIMENTS := build/experiments
ETHOCHAT_TEST_DATA ?= ../shared/data
export HF_HUB_OFFLINE := 1
export GRADIO_ANALYTICS_ENABLED := False
# Without bytecode the heavy libraries are compiled anew by every process.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint unit serve bench bench-scale bench-coverage bench-search bench-vlm experiments eval eval-search docs clean

demo: $(STAMP)
	$(BIN)/ethochat demo $(DEMO)

test: lint unit

# Files go to two processes: what they set up is theirs.
unit: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(STAMP) .typing/ethochat
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p ethochat
	PYTHONPATH=.typing $(BIN)/lint-imports

serve: $(STAMP)
	$(BIN)/ethochat serve $(DEMO)

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py

# 42 million frames, beside DuckDB and pandas; DuckDB is nothing that the project itself needs.
bench-scale: $(STAMP)
	$(BIN)/python -c "import duckdb" || $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt duckdb
	$(BIN)/python benchmarks/aggregation.py

# How often intervals cover the truth and tests reject where there is nothing; fails where nothing explains a miss.
bench-coverage: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage --output docs/coverage.md

# Sizes of the index; a million segments take some ten minutes: make bench-search SIZES=1000000
SIZES ?= 10000 100000
bench-search: $(STAMP)
	$(BIN)/python benchmarks/search.py --sizes $(SIZES)

# A folder, a repository, tiny (built on the spot) or, on a CUDA machine, full-size ones: make bench-vlm MODEL=random:2b
MODEL ?= tiny
bench-vlm: $(STAMP)
	$(BIN)/python -m benchmarks.vlm --model "$(MODEL)" --output docs/performance.md

experiments: $(STAMP)
	ETHOCHAT_TEST_DATA=$(ETHOCHAT_TEST_DATA) $(BIN)/python benchmarks/experiments/build.py $(EXPERIMENTS)

eval: experiments
	$(BIN)/ethochat eval --questions $(ETHOCHAT_TEST_DATA)/../questions/dev.jsonl --experiments $(EXPERIMENTS) --answers build/answers.jsonl
	$(BIN)/python $(ETHOCHAT_TEST_DATA)/../questions/score.py $(ETHOCHAT_TEST_DATA)/../questions/dev.jsonl build/answers.jsonl

# Queries in plain words against recordings of which the truth is known; builds its own experiments.
eval-search: $(STAMP)
	OMP_NUM_THREADS=1 ETHOCHAT_TEST_DATA=$(ETHOCHAT_TEST_DATA) $(BIN)/python -m benchmarks.search_quality --details build/search_quality/details.json --output docs/search_quality.md

docs: $(STAMP)
	$(BIN)/python -m ethochat.tools.catalogue docs/measures.md

# uv is faster than pip by an order of magnitude; pip does the same where uv cannot be installed.
# PIP_FIND_LINKS is how a machine says where its build of torch lies; uv has its own name for it. Where nothing says so and
# there is no GPU, uv asks PyTorch's index for the CPU build, which spares gigabytes of CUDA.
FIND_LINKS := $(or $(UV_FIND_LINKS),$(PIP_FIND_LINKS))
CPU_TORCH := $(if $(FIND_LINKS)$(shell command -v nvidia-smi),,--torch-backend=cpu)
INSTALL := UV_FIND_LINKS="$(FIND_LINKS)" VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -c constraints.txt -e ".[dev]"

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	if $(BIN)/python -m pip install --quiet --disable-pip-version-check uv; then \
	  $(INSTALL) $(CPU_TORCH) || $(INSTALL); \
	else \
	  $(BIN)/python -m pip install --upgrade pip && $(BIN)/python -m pip install -c constraints.txt -e ".[dev]"; \
	fi
	touch $@

# mypy does not follow the editable install's import hook: it gets the package as a folder of links.
.typing/ethochat: $(STAMP)
	mkdir -p $@
	for name in agent tools index ui; do ln -sfn ../../$$name $@/$$name; done
	ln -sfn ../../ui/_package/__init__.py $@/__init__.py
	ln -sfn ../../ui/_package/py.typed $@/py.typed
	touch $@

clean:
	rm -rf build .typing
