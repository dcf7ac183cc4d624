# Everything runs in .venv; a fresh machine needs Python 3.11 or newer, make and git.
PYTHON ?= python3
PORT ?= 3000
REVIEW_PORT ?= 3001
BIN := .venv/bin
CONTENDERS := orders_monitor_tests/benchmarks/contenders
BENCHMARKS := $(sort $(basename $(notdir $(wildcard orders_monitor_tests/benchmarks/*.py))))
export DAGSTER_DISABLE_TELEMETRY := yes
export ORDERS_MONITOR_UI_URL ?= http://127.0.0.1:$(PORT)
export ORDERS_MONITOR_REVIEW_URL ?= http://127.0.0.1:$(REVIEW_PORT)

.PHONY: run free-ports run-once setup test check slow bench real chaos lock clean

run: free-ports run-once  ## the nightly job over the last 30 partitions, then the Dagster UI and the review page
	@echo "Dagster UI: $(ORDERS_MONITOR_UI_URL) (ctrl-c stops both)"
	@$(BIN)/orders-monitor review serve --port $(REVIEW_PORT) & page=$$!; ui=$$$$; \
		(while kill -0 $$ui 2>/dev/null; do sleep 1; done; kill $$page 2>/dev/null) & \
		exec $(BIN)/dagster dev --workspace workspace.yaml --host 127.0.0.1 --port $(PORT) --log-level warning

free-ports: setup
	@$(BIN)/python -c 'import socket, sys; [socket.create_server(("127.0.0.1", int(port))).close() for port in sys.argv[1:]]' \
		$(PORT) $(REVIEW_PORT) 2>/dev/null \
		|| { echo "port $(PORT) or $(REVIEW_PORT) is taken; say others: make run PORT=3100 REVIEW_PORT=3101"; exit 1; }

run-once: setup  ## the same without the server
	@$(BIN)/orders-monitor run --last 30
	@echo "(the command is $(BIN)/orders-monitor; '. $(BIN)/activate' puts it on your path)"

setup: .venv/installed  ## the virtual environment, locked

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "orders-monitor needs Python 3.11 to 3.13; say which with make PYTHON=...")'
	@echo "installing into .venv (once; a minute or two)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q orders_monitor
	@touch .venv/installed

test: setup check  ## everything that must hold: lint, types, contracts, tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile -q

check: setup
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

slow: setup  ## the same gates through more commands, databases and random cases
	@$(BIN)/python -m pytest -n 3 --dist loadfile -q -m slow

bench: setup .venv-bench/installed  ## ratios against a baseline in the same run; fails where a bar is missed (minutes)
	@missed=; for each in $(BENCHMARKS); do echo "== $$each"; \
		$(BIN)/python -m orders_monitor_tests.benchmarks.$$each || missed="$$missed $$each"; done; \
		test -z "$$missed" || { echo "missed:$$missed"; exit 1; }

.venv-bench/installed: $(CONTENDERS)/requirements.lock
	@echo "installing what is compared with into .venv-bench (once; a minute)"
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-input --compile --no-deps --require-hashes \
		-r $(CONTENDERS)/requirements.lock
	@touch .venv-bench/installed

real: setup  ## every partition of a real data set: make real DATA=folder
	@DATA="$(DATA)" $(BIN)/python -m pytest -q -m real

chaos: setup  ## the running location: backfills, forgeries, a power cut (minutes)
	@$(BIN)/python -m pytest -q -m chaos

lock:  ## resolve pyproject.toml again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
		--no-header --extra dev pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
		--no-header $(CONTENDERS)/requirements.in -o $(CONTENDERS)/requirements.lock

clean:  ## forget all state (not the environment)
	rm -rf .orders_monitor .tmp_dagster_home_*
