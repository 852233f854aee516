# Two commands need nothing but Python (and, for the cross-compilers, Debian):
#   make demo    from an image to two updated devices, in a minute
#   make test    everything that is tested

# Tests and benchmarks start hundreds of processes, each of which would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# xdist gives each worker whole files, so that a file's servers and projects stay together.
# In the order of their names, because a file with a single long test would otherwise come last.
# Tests wait for a third of their time, so two cores have enough to do with four workers.
PYTEST_OPTIONS ?= -n 4 --dist loadfile --no-loadscope-reorder

BENCH_PACKAGES := nginx-light apache2-utils
# nginx and ab are there for the short form of the benchmarks, nginx as a proxy for the doctor, and
# nginx and HAProxy for requests that two readers could read differently, Chromium for the pages,
# mosquitto for MQTT.
TEST_PACKAGES := arduino-builder gcc-xtensa-lx106 gcc-riscv64-unknown-elf git openssl \
  libnginx-mod-stream haproxy chromium mosquitto $(BENCH_PACKAGES)

# The extended tests have a short form in `make test`.
FUZZ_SECONDS ?= 600

# Versions of PlatformIO, beside the newest, that the hook is held to.
PIO_VERSIONS := 6.1.18 6.1.19
# Those of the supported versions of Python that are on this machine; a shim of pyenv may be empty.
PYTHON_VERSIONS := 3.10 3.11 3.12 3.13
PYTHONS = $(foreach version,$(PYTHON_VERSIONS),$(shell \
  for python in python$(version) $(HOME)/.pyenv/versions/$(version).*/bin/python; do \
    $$python -c "" 2> /dev/null && echo $$python && break; done))
PIO_INSTALLED := $(PIO_VERSIONS:%=.venv-pio/%/.installed)

.PHONY: demo test test-all test-python lint bench properties simulate fuzz torture campaigns \
  screenshots images clean

demo: $(INSTALLED)
	$(BIN)/python examples/demo.py

test: $(INSTALLED) $(PIO_INSTALLED)
	@.ci/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

# Everything with each version of Python, what PlatformIO has to do with once more with each older
# version of it, and what devices see once more without uvloop.
test-all: test
	for python in $(PYTHONS); do \
	  $(MAKE) test-python PYTHON=$$python \
	    VENV=.venv-python$$($$python -c 'import sys; print(*sys.version_info[:2], sep=".")') || exit 1; \
	done
	for version in $(PIO_VERSIONS); do \
	  ACPUBLISH_TEST_PIO=$(CURDIR)/.venv-pio/$$version/bin/python \
	    $(BIN)/python -m pytest $(PYTEST_OPTIONS) tests/pio || exit 1; \
	done
	ACPUBLISH_TEST_LOOP=asyncio $(BIN)/python -m pytest $(PYTEST_OPTIONS) tests/conformance

test-python: $(INSTALLED)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

properties: $(INSTALLED)
	ACPUBLISH_TEST_LAYOUTS=1500 $(BIN)/python -m pytest -n 2 --timeout 0 --hypothesis-profile campaign tests/properties

# Rollouts in fleets of 10,000 devices with each kind of fault, and one with a million devices.
simulate: $(INSTALLED)
	ACPUBLISH_TEST_SIMULATED=10000 ACPUBLISH_TEST_SIMULATED_MANY=1000000 \
	  $(BIN)/python -m pytest --timeout 0 -rP tests/unit/simulation

fuzz: $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group fuzz || \
	  echo "atheris does not install here: hypothesis takes its place"
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)

# Attacks a server in every way that is known, and shows what an honest client notices; then tries
# what the server promises many times over.
torture: $(INSTALLED)
	@.ci/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m tests.torture

# Kills a publish 100 times, lets eight environments publish at once in 20 rounds, and searches for
# secrets after each command met each failure.
campaigns: $(INSTALLED)
	@.ci/debian-packages $(TEST_PACKAGES)
	ACPUBLISH_TEST_KILLS=100 ACPUBLISH_TEST_ROUNDS=20 ACPUBLISH_TEST_SECRETS=all \
	  $(BIN)/python -m pytest -n 2 -rP tests/pio/test_campaigns.py \
	  tests/pio/test_secrets.py tests/integration/test_secrets_in_troubles.py

# A picture of each page: light and dark, wide and narrow.
screenshots: $(INSTALLED)
	@.ci/debian-packages $(TEST_PACKAGES)
	mkdir -p build/screenshots
	ACPUBLISH_TEST_SCREENSHOTS=$(CURDIR)/build/screenshots $(BIN)/python -m pytest -o timeout=900 tests/pages

# The pictures in the documents, which show the page as it is now.
images: $(INSTALLED)
	@.ci/debian-packages $(TEST_PACKAGES)
	$(BIN)/python -m tests.support.document_images

bench: $(INSTALLED)
	@.ci/debian-packages $(BENCH_PACKAGES)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml
	@$(PYTHON) -m venv $(VENV) || { \
	  .ci/debian-packages python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[server,signing,mqtt]" --group dev
	@touch $@

# What a user has: PlatformIO's interpreter with acpublish beside it, and SCons and esptool, which
# PlatformIO would fetch as packages of its own.
.venv-pio/%/.installed: pyproject.toml | $(INSTALLED)
	@$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable . \
	  platformio==$* "scons>=4.8" "esptool>=5"
	@touch $@
