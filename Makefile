# Needs only GNU make and Python 3.11+ with pip; every target builds what it needs in .venv.
# Versions and hashes come from requirements*.lock. uv is used when it is on PATH: same result, faster.

.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

PYTHON ?=
UV ?= uv
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed-runtime
TRAIN := $(VENV)/.installed-train
DEV := $(VENV)/.installed-dev
LOCKS := requirements.lock requirements-train.lock requirements-dev.lock

# A stamp is worth nothing when the interpreter is gone or the folder was moved: then build anew.
ifneq ($(wildcard $(VENV)),)
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && grep -sqF "$(CURDIR)/$(BIN)/python" $(BIN)/cointrader && echo whole),whole)
$(shell rm -f $(RUNTIME) $(TRAIN) $(DEV))
endif
endif

##@ Use
.PHONY: paper
paper: $(RUNTIME) ## Trade on paper: no key, no network. Options: make paper ARGS="--speed max"
	@$(BIN)/cointrader paper $(ARGS)

.PHONY: install
install: $(RUNTIME) ## Only install: trading, backtests, sweeps
	@echo "Ready: $(BIN)/cointrader --help"

.PHONY: install-train
install-train: $(TRAIN) ## The same, and what training and tuning models needs
	@echo "Ready: $(BIN)/cointrader train --help"

##@ Develop
.PHONY: test
test: $(DEV) ## Run the tests. Options: make test ARGS="-k risk"
	@COINTRADER_ENV_READY=1 bash scripts/run_tests.sh $(ARGS)

.PHONY: test-full
test-full: $(DEV) ## The same, with everything that takes long; three quarters of an hour
	@COINTRADER_ENV_READY=1 COINTRADER_FULL=1 bash scripts/run_tests.sh $(ARGS)

.PHONY: check
check: lint types test ## Everything a change must pass: ruff, mypy --strict, tests (warnings are errors)

.PHONY: lint
lint: $(DEV) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: types
types: $(DEV) ## mypy --strict
	@$(BIN)/mypy --strict

.PHONY: format
format: $(DEV) ## Let ruff mend and format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(DEV) ## Measure: benchmarks/ with pytest-benchmark
	@$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only $(ARGS)

.PHONY: latency
latency: $(DEV) ## From the last candle of a bar to the orders, 100 symbols on one core; also ARGS=--model
	@$(BIN)/python -m benchmarks.candle_to_order $(ARGS)

.PHONY: scale
scale: $(DEV) ## Ten years of 50 symbols on one account, and less: time and memory
	@$(BIN)/python -m benchmarks.scale $(ARGS)

.PHONY: peers
peers: $(DEV) ## Other backtesters beside this one; those of benchmarks/peers/requirements.txt
	@$(BIN)/python -m benchmarks.peers $(ARGS)

.PHONY: power
power: $(DEV) ## How often a verdict finds an edge, and one that is not there; half an hour
	@$(BIN)/python -m benchmarks.power
	@$(BIN)/python -m benchmarks.power_markets

.PHONY: gate-power
gate-power: $(DEV) ## How often the gate lets a model through that knows something, or nothing; hours
	@$(BIN)/python -m benchmarks.gate_power $(ARGS)

.PHONY: chain
chain: $(DEV) ## From an empty folder to bots that trade by models, of both backends; ten minutes
	@COINTRADER_CHAIN=full $(BIN)/python -m pytest tests/system/test_chain.py -q $(ARGS)

.PHONY: mutants
mutants: $(DEV) ## Put mistakes into the backtester: which test notices? make mutants COUNT=300
	@$(BIN)/python -m tests.mutants --count $(or $(COUNT),100) $(ARGS)

.PHONY: kill-test
kill-test: $(DEV) ## Kill paper runs at 100 random moments, resume them, expect the same trades
	@COINTRADER_KILLS=$(or $(KILLS),100) $(BIN)/python -m pytest tests/system/test_kill_and_resume.py -q $(ARGS)

.PHONY: wire-month
wire-month: $(DEV) ## A month of real candles over HTTP and WebSockets, and with late candles: 20 seeds; an hour
	@COINTRADER_WIRE_DAYS=30 COINTRADER_WIRE_SEEDS=20 $(BIN)/python -m pytest tests/parity/test_wire.py -q $(ARGS)

.PHONY: campaign
campaign: $(DEV) ## Simulated days with every fault alone and in pairs. Options: make campaign RUNS=500
	@$(BIN)/python -m tests.campaign --runs $(or $(RUNS),500) $(ARGS)

.PHONY: kill-steps
kill-steps: $(DEV) ## Kill bot processes at every step of a trade, half an hour; table: build/kill-steps
	@COINTRADER_KILL_STEPS=all $(BIN)/python -m pytest tests/system/test_kill_at_every_step.py -q $(ARGS)

.PHONY: soak
soak: $(DEV) ## Trade for half an hour, 60 times as fast: does anything grow? make soak MINUTES=5
	@rm -rf build/soak
	@$(BIN)/python -m tests.system.soak --minutes $(or $(MINUTES),30) $(ARGS)

.PHONY: dev
dev: $(DEV) ## Only build the development environment
	@:

.PHONY: lock
lock: ## Resolve the locks anew; needs uv. Newer versions: make lock ARGS=--upgrade
	@UV="$(UV)" sh scripts/lock.sh $(ARGS)

.PHONY: clean
clean: ## Remove the environment and everything generated; data/ and models/ stay
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks .coverage htmlcov
	@find src tests scripts benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: help
help: ## This page
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "%s%s\n", (n++ ? "\n" : ""), substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Each lock holds the one before it, in the same versions, so a bigger environment serves the smaller targets.
$(RUNTIME): requirements.lock pyproject.toml scripts/install.sh
	@UV="$(UV)" PYTHON="$(PYTHON)" sh scripts/install.sh $(VENV) requirements.lock "to run cointrader"
	@touch $@

$(TRAIN): requirements-train.lock pyproject.toml scripts/install.sh
	@UV="$(UV)" PYTHON="$(PYTHON)" sh scripts/install.sh $(VENV) requirements-train.lock "to run and train cointrader"
	@touch $(RUNTIME) $@

$(DEV): requirements-dev.lock pyproject.toml scripts/install.sh
	@UV="$(UV)" PYTHON="$(PYTHON)" sh scripts/install.sh $(VENV) requirements-dev.lock "to develop cointrader"
	@touch $(RUNTIME) $(TRAIN) $@
