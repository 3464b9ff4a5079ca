# Everything a person does with this repository. `make` alone lists it.
#
# A bare machine needs only make and Python 3.11 or newer; what else is needed goes into .venv. The stamps in .venv say what has been
# installed, so that nothing is installed twice and a second `make run` starts at once, also without a network.

PORT ?=
ARGS ?=
SECONDS ?= 60
SEEDS ?= 20000
SEED ?=
PYTHON ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: clients help run test check format-check lint types floors pytest bench docs fuzz soak strategies services clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

# On Ctrl-C a terminal interrupts make too, and make then reports a failure however well its recipe ended. So the gateway becomes the
# terminal's foreground group of its own: it alone gets the interrupt, drains, and its exit code is make's. Suspending (Ctrl-Z) is off,
# since make could not be resumed by the shell. Without a terminal, nothing of this happens.
define IN_FOREGROUND
import os, signal, sys
try:
    if os.tcgetpgrp(0) == os.getpgrp():
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
except OSError:
    pass
os.execv(sys.argv[1], sys.argv[1:])
endef
export IN_FOREGROUND

# The terminal goes back to make's group once the gateway's is gone, for scripts that read on after `make run`.
define HAND_BACK
import os, signal
try:
    os.killpg(os.tcgetpgrp(0), 0)
except ProcessLookupError:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpgrp())
except OSError:
    pass
endef
export HAND_BACK

run: .venv/.package ## start the gateway on http://127.0.0.1:8080 (PORT=..., ARGS="-c headway.yaml")
	@exec $(BIN)/python -c "$$IN_FOREGROUND" $(BIN)/headway serve $(if $(PORT),--port $(PORT)) $(ARGS)
	@$(BIN)/python -c "$$HAND_BACK"

test: check pytest ## run everything that CI runs, the fuzzers apart

check: lint format-check types floors ## run the linters only

lint: .venv/.development
	$(BIN)/ruff check

format-check: .venv/.development
	$(BIN)/ruff format --check

types: .venv/.development
	$(BIN)/pyright

floors: .venv/.development
	$(BIN)/lint-imports

pytest: .venv/.development services
	$(BIN)/python -m pytest $(ARGS)

bench: .venv/.development ## measure added latency, throughput and CPU per request, quickly
	@exec $(BIN)/headway bench --quick $(ARGS)

docs: .venv/.package ## write again what is generated: docs/providers.md, docs/providers/ and headway.schema.json
	$(BIN)/python -m headway.providers.reference docs
	$(BIN)/python -m headway.config.schema > headway.schema.json.new && mv headway.schema.json.new headway.schema.json

fuzz: .venv/.development ## run the fuzz targets for SECONDS in all (60), or RUNS times each from one seed; findings land in .fuzz/
	@set -- tests/fuzz/fuzz_*.py; \
	if [ ! -e "$$1" ]; then echo "fuzz: no targets in tests/fuzz; skipped"; exit 0; fi; \
	if ! $(BIN)/python -c 'import atheris' 2>/dev/null && ! $(PIP) install --group fuzz; then \
		echo "fuzz: atheris cannot be installed here; skipped"; exit 0; \
	fi; \
	mkdir -p .fuzz && cd .fuzz && share=$$(( ($(SECONDS) + $$# - 1) / $$# )); \
	for target; do \
		echo "fuzz: $$target for $$share s"; \
		../$(BIN)/python "../$$target" -max_total_time=$$share $(if $(RUNS),-runs=$(RUNS) -seed=1) || { echo "fuzz: $$target failed; its input is in .fuzz/"; exit 1; }; \
	done

strategies: .venv/.development ## compare the strategies of balancing on virtual time, and write it into docs/load-balancing.md
	PYTHONPATH=tests $(BIN)/python -m sim.compare --plot docs/load-balancing.svg --write docs/load-balancing.md

clients: .venv/.development ## install the clients that tests/clients tries beside the usual ones, and try them all
	@for list in tests/clients/python/*.txt; do \
		name=$$(basename $$list .txt) && $(BIN)/python -m venv .venv/clients/$$name && \
		.venv/clients/$$name/bin/python -m pip --quiet --disable-pip-version-check install -r $$list || exit 1; \
	done
	@cd tests/clients/node && npm ci --ignore-scripts --no-audit --no-fund --silent
	$(BIN)/python -m pytest tests/clients -rs $(ARGS)

soak: .venv/.development ## play SEEDS simulated worlds (20000), or one of them again (SEED=...)
	@PYTHONPATH=tests exec $(BIN)/python -m sim.soak $(if $(SEED),--seed $(SEED),$(SEEDS))

clean: ## remove the environment and all that was built
	rm -rf .venv .fuzz .hypothesis .import_linter_cache .pytest_cache .ruff_cache bench-results build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, then the package in it, then what working on it takes.

$(BIN)/python:
	@for candidate in $(or $(PYTHON),$(PYTHONS)); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed (PYTHON=/path/to/python3 names one)." >&2; exit 1; fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "$$python cannot create virtual environments. On Debian and Ubuntu: apt-get install python$$version-venv" >&2; exit 1; \
	fi; \
	$$python -m venv .venv

.venv/.package: pyproject.toml | $(BIN)/python
	@echo "Installing headway into .venv ..."
	@$(PIP) install --editable .
	@touch $@

.venv/.development: pyproject.toml | $(BIN)/python
	@echo "Installing headway and its development tools into .venv ..."
	@$(PIP) install 'pip>=25.1'  # the first that knows dependency groups
	@$(PIP) install --editable . --group dev
	@touch .venv/.package $@

# nginx is the yardstick of a few tests, others keep the request log in a PostgreSQL of their own, and promtool reads what lies in deploy/.
# They are skipped without these, so that failing to install them fails nothing. Debian would start a PostgreSQL and a Prometheus for the
# whole system, which is not wanted: of the one only the programs are installed, of the other only the tool is taken.
services: | $(BIN)/python
	@missing=; \
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$$missing nginx"; \
	command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		if [ ! -e /etc/postgresql-common/createcluster.conf ]; then \
			mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf; \
		fi; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
			-o Dpkg::Options::=--force-confold $$missing >/dev/null; \
	fi || true; \
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || echo "nginx is not installed: the tests that compare with it are skipped"; \
	command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || \
		echo "PostgreSQL is not installed: the tests that need one are skipped"
	@if [ ! -x $(BIN)/promtool ] && ! command -v promtool >/dev/null; then \
		if command -v apt-get >/dev/null; then \
			folder=$$(mktemp -d) && { [ "$$(id -u)" != 0 ] || apt-get -qq update; } && \
			( cd "$$folder" && apt-get -qq -o APT::Sandbox::User=root download prometheus ) && \
			dpkg-deb --fsys-tarfile "$$folder"/prometheus_*.deb | tar --extract --directory $(BIN) --strip-components 3 ./usr/bin/promtool; \
			rm -rf "$$folder"; \
		fi || true; \
		[ -x $(BIN)/promtool ] || echo "promtool is not installed: the tests that run it are skipped"; \
	fi
