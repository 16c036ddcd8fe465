# Everything works from a fresh clone with Python 3.11 or newer and make: the environment is made once, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers
# CI runs the slow tests too.
PYTEST_ARGS ?= $(if $(CI),,-m "not slow")

.PHONY: help setup eval report regression samples train-nano test bench docs format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1  — /'

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $$($(PYTHON) --version) found, expected Python 3.11 or newer; make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "making the environment $(VENV): some minutes, 3 GB" >&2
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(READY)  ## make the environment, .venv

comma := ,
# SPLIT=a,b becomes TASK:a,TASK:b
SPEC = $(if $(SPLIT),$(subst $() ,$(comma),$(foreach split,$(subst $(comma), ,$(SPLIT)),$(TASK):$(split))),$(TASK))

eval: $(READY)  ## evaluate a model, by default nano, which comes with this: TASK=… [MODEL=…] [SPLIT=…] [LIMIT=n] [ARGS="…"]
	@test -n '$(TASK)' || { echo "error: no task named; make eval TASK=aishell1, or TASK=all" >&2; exit 2; }
	@$(BIN)/otoscope eval --task '$(SPEC)' $(if $(MODEL),--model '$(MODEL)') $(if $(LIMIT),--limit '$(LIMIT)') $(if $(filter all,$(TASK)),--report) $(ARGS)

report: $(READY)  ## leaderboard, charts and sample pages from results/
	@$(BIN)/otoscope report $(ARGS)

regression: $(READY)  ## CI check: nano on all samples, held against results/baselines/nano.json
	@rm -rf build/regression
	@$(BIN)/otoscope eval --results-dir build/regression --task all:sample --model nano --device cpu --dtype float32
	@$(BIN)/otoscope regression --results-dir build/regression --baseline results/baselines/nano.json $(ARGS)

samples: $(READY)  ## make the sample clips in tasks/samples/ anew
	@$(BIN)/python -m tasks.synthesis

train-nano: $(READY)  ## train the model that comes with this anew: an hour on two cores, 3 GB in build/nano
	@$(BIN)/python -m tasks.synthesis.training build/nano
	@$(BIN)/python -m models.nano.training build/nano

test: $(READY)  ## format, lint, types, tests: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Peers have an environment of their own: lm_eval brings a package `evaluate`, which must never stand beside ours.
$(PEERS)/.ready: constraints.txt
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt faster-whisper jiwer lm_eval pycocoevalcap
	@touch $@

$(PEERS): $(PEERS)/.ready

bench: $(READY)  ## speed, side by side with what one would use instead: [ARGS="--only wer --strict"]
	@$(MAKE) $(PEERS)/.ready || echo "error: $(PEERS) could not be made; the rows that need it will say so" >&2
	$(BIN)/python -m tests.bench $(ARGS)

docs: $(READY)  ## the documentation, in build/site
	$(BIN)/mkdocs build --strict --quiet

format: $(READY)  ## format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what was built; results stay
	rm -rf $(VENV) $(PEERS) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
