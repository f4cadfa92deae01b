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
export CLUSTER OPERATOR_IMAGE SIDECAR_IMAGE RELEASE_SERVER_HOST

.PHONY: help npm media setup demo test unit cluster-test bench bench-fetch bench-serving bench-traffic bench-operator bench-ready check format fuzz bench images cluster-up cluster-down cluster-status

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: .venv/.ready ## Install uv and the Python packages into .venv

demo: setup npm ## The main job on a real cluster (CLUSTER=current: on yours)
	PYTHONPATH=tests $(PYTHON) -m cluster.demo

test: unit cluster-test ## Every test: unit tests, then the cluster suite on a real node of this machine

unit: setup npm media ## Unit tests on all cores (seven minutes on two)
	@echo "== Unit tests: release pipeline, operator decisions, sidecar, chart, layout"
	$(PYTHON) -m pytest -q -m "not cluster and not gpu" -n auto --dist worksteal

cluster-test: setup media ## The cluster suite: real API server, kubelet, containerd, images and Helm
	@echo "== Cluster suite: bump under load, refusals, one GPU, the operator killed at each step"
	$(NODE) up
	$(NODE) images
	$(PYTHON) -m pytest -v --no-header -m cluster tests

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
	$(UV) sync --frozen --all-packages --group bench --quiet

check: setup ## Formatting, lint, types, import contracts: what CI runs before the tests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

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
	$(UV) sync --frozen --all-packages --quiet
	@touch $@

# Debian's python3 comes without venv and pip; both are in python3-venv.
$(UV):
	@echo "== Installing uv $(UV_VERSION)"
	@mkdir -p $(CACHE)
	@python3 -c 'import ensurepip' 2>/dev/null || (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-venv)
	@python3 -m venv $(CACHE)/uv-$(UV_VERSION)
	@$(CACHE)/uv-$(UV_VERSION)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
