# The commands of this repository; CI calls the same ones.
PYTHON ?= python3
BIN := .venv/bin
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
PYTEST := $(BIN)/pytest --dist loadgroup --no-loadscope-reorder
PACKAGES := tmux bubblewrap socat strace musl-tools gcc clang jq chromium chromium-headless-shell libnotify-bin python3-dbusmock faketime docker.io busybox-static iptables iproute2 systemd fish zsh mandoc maven haproxy
# A script of dashboards/package.json, after its tools are in dashboards/node_modules; says so where there is no npm.
NPM = if command -v npm >/dev/null; then $(MAKE) -s dashboards/node_modules/installed && npm run --silent --prefix dashboards $(1); \
	else echo "The page's code was left out: npm is missing (Node.js from https://nodejs.org)"; fi

unexport PYTHONDONTWRITEBYTECODE  # what tests import is compiled once, not by each of thousands of processes

.PHONY: demo check test test-deps format lint generate docs bench measurements growth peers faults soak endure gateway-load fuzz mutants claude claude-latest agents dialogs screenshots wheels wheels-check lock sbom

# The page with made-up sessions, from nothing but Python.
demo: .venv/installed
	$(BIN)/hookspan demo --no-open

# Lint, types, and the tests that need nothing but Python and start no agent: what to run before each commit.
check: .venv/installed-dev
	$(PYTEST) -n 4 -m "not slow" $(T)

# Every test, or a part: `make test T=tests/store`. Tests that need what this machine lacks are left out and named at the
# end; with CI=true they fail. Tests wait more than they compute, so there are six workers for two cores.
test: .venv/installed-dev $(if $(filter true,$(CI)),test-deps)
	$(PYTEST) -n 6 $(T)

# The system packages that the tests use (Debian and Ubuntu; asks sudo unless root), Codex (424 MB) and Copilot CLI.
test-deps:
	@if command -v apt-get >/dev/null; then \
		root=$$([ "$$(id -u)" = 0 ] || echo sudo); echo "Installing $(PACKAGES)"; \
		$$root apt-get update -q >/dev/null && \
		DEBIAN_FRONTEND=noninteractive $$root apt-get install -yq --no-install-recommends $(PACKAGES) >/dev/null; \
	else echo "Install by your system's means: $(PACKAGES)"; fi
	@if [ -x $(BIN)/python ] && command -v npm >/dev/null; then $(BIN)/python -m tests.codex.client && $(BIN)/python -m tests.copilot.client; fi

# Python and the page's code, laid out anew.
format: .venv/installed-dev
	$(BIN)/ruff format .
	@$(call NPM,format)

# Style, types, the direction of imports, declared dependencies; of the page, too.
lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	@$(call NPM,check)

# What repeats elsewhere what the catalogue and the code say: docs/reference, docs/registry, docs/faults.md, the manual page, the plugin's
# hooks, the page's types, the dashboards.
generate: .venv/installed-dev
	$(BIN)/python docs/generator
	$(BIN)/python dashboards/grafana/generator
	$(BIN)/python -m tests.faults.page
	$(BIN)/hookspan man > docs/reference/hookspan.1

# The documentation as a site, into site/.
docs: .venv/installed-dev
	$(BIN)/mkdocs build

# The pictures of docs/page.md, taken in chromium of a machine with a made-up day's work.
screenshots: .venv/installed-dev
	nice $(BIN)/python -m tests.web.screenshots

# The versions that `make` installs, with their hashes, and those that users can install: newest that pyproject.toml allows.
lock: .venv/installed-dev
	$(BIN)/uv pip compile $(LOCK) --all-extras --output-file requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --extra audit --extra notify --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml

# What hookspan is made of, as a CycloneDX document, into dist/; `make wheels` makes it, too.
sbom: .venv/installed-dev
	$(BIN)/python packaging/sbom.py

# What a hook, the command line and the agent cost on this machine, against their bars; then with the real Collector,
# Jaeger and Claude Code; then where an agent's time and memory go: each step of an event, 16 idle sessions, ten pages,
# what a sync makes hooks wait.
bench: .venv/installed-dev
	$(BIN)/python -m tests.bench.relay --busy
	$(BIN)/python -m tests.bench.command
	$(BIN)/hookspan bench --backlog 1000000
	$(BIN)/python -m tests.bench.real
	for part in ingest export idle memory sync; do $(BIN)/python -m tests.bench.$$part; done

# All of it into docs/measurements.md, with `make soak`: 40 minutes of a machine that does nothing else, or fewer with
# EVENTS=100000.
measurements: .venv/installed-dev
	mkdir -p build/measured
	$(BIN)/hookspan bench --backlog $(or $(EVENTS),1000000) --json > build/measured/bench.json || true
	$(BIN)/python -m tests.bench.real --json build/measured || true
	$(BIN)/python -m tests.faults.campaign --events $(or $(EVENTS),1000000) --json build/measured/soak.json
	$(BIN)/python -m tests.bench.page build/measured

# What grows with the events that are kept, from 10,000 to 5,000,000, into docs/; EVENTS="10000 100000" for fewer. A million
# takes 3 minutes of a processor to be there, and 2.7 GB of /tmp; all of it an hour, and 17 GB.
growth: .venv/installed-dev
	$(BIN)/python -m tests.bench.growth $(if $(EVENTS),--events $(EVENTS)) --write docs/growth.md

# Tools that do a part of the same, from npm and PyPI, beside hookspan in one run: hooks, losses, reports of costs; into docs/.
peers: .venv/installed-dev
	$(BIN)/python -m tests.peers --write docs/peers.md

# A million events while one fault after the other lasts: nothing lost, nothing counted twice. About 15 minutes.
soak: .venv/installed-dev
	nice $(BIN)/python -m tests.faults.campaign --events 1000000

# As many events as 20 a second are in a day, everything on, with outages and retention within, in an hour: memory,
# descriptors, disk and lag, into docs/.
endure: .venv/installed-dev
	$(BIN)/python -m tests.faults.endure --write docs

# What one gateway and one ingester take, and a sizing made from it; Jaeger's stores side by side; how ingesters share
# the work. Into docs/gateway.md, about a quarter of an hour.
gateway-load: .venv/installed-dev
	nice $(BIN)/python -m tests.gateway.load --write docs/gateway.md

# The decoder and the fold with ten times the examples, then the relay under AFL++ for half an hour (Debian's packages
# afl++ and libclang-rt-14-dev), into docs/.
fuzz: .venv/installed-dev
	nice $(BIN)/pytest -n 2 --hypothesis-profile=fuzz tests/wire tests/clients tests/model/test_properties.py tests/store/test_receipts.py
	nice $(BIN)/python -m tests.fuzz.relay --write docs/fuzzing.md

# Breaks each promise of docs/hook-path.md in a copy of the relays: do its tests fail?
mutants: .venv/installed-dev
	nice $(BIN)/python -m tests.conformance.mutants

# Every fault of docs/faults.md with many events, 200,000 events with kills, prune on a journal of 2 GiB.
faults: .venv/installed-dev
	FAULT_EVENTS=200 KILL_EVENTS=200000 PRUNE_BYTES=2147483648 nice $(BIN)/pytest -n 2 tests/faults tests/cli/test_prune.py

# Every scenario on a version of Claude Code (from npm, kept outside this folder): wrong spans, changed facts, times.
claude: .venv/installed-dev
	$(BIN)/python -m tests.claude.compare $(if $(VERSION),--version $(VERSION)) --jobs $(or $(JOBS),2)

# The same with the newest version; .ci/weekly does it.
claude-latest:
	$(MAKE) -s claude VERSION=latest

# The same for the other coding agents, each against its own telemetry; what one tells by other names is named, too.
# `make agents VERSION=latest`, or of one: `make agents AGENT=codex VERSION=0.172.0`.
agents: .venv/installed-dev
	@for agent in $(or $(AGENT),codex copilot); do \
		$(BIN)/python -m tests.other_agents.compare $$agent $(if $(VERSION),--version $(VERSION)) --jobs $(or $(JOBS),2) || failed=1; \
	done; exit $${failed:-0}

# Every kind of dialog with every answer, in the real client: what the page shows, how soon, and what the spans say.
# KINDS="Bash Edit" for some of them.
dialogs: .venv/installed-dev
	$(BIN)/python -m tests.claude.dialogs $(KINDS)

# Into dist/: sdist, pure wheel, wheels with the compiled relay inside for Linux and macOS, and the list of what they are
# made of.
wheels: .venv/installed-dev
	$(BIN)/pip install -q --require-hashes -r packaging/wheels.lock
	nice $(BIN)/python packaging/wheels.py
	$(BIN)/python packaging/sbom.py

# What is in dist/, installed by pip, pipx and uv into clean environments of each Python that is here: 15 installations, 20 minutes on a busy machine.
wheels-check: .venv/installed-dev
	nice $(BIN)/python packaging/check.py

dashboards/node_modules/installed: dashboards/package-lock.json
	npm ci --prefix dashboards --ignore-scripts --no-audit --no-fund --silent
	touch $@

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e .
	touch $@

# By uv, which takes seconds where pip takes a minute; its own version and hashes are the lock's. At last what tests import
# is compiled, which else each of their workers did.
.venv/installed-dev: pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > .venv/uv.lock
	$(BIN)/pip install -q --require-hashes -r .venv/uv.lock
	UV_HTTP_TIMEOUT=180 $(BIN)/uv pip install -q --compile-bytecode --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	$(BIN)/pytest --collect-only -q >/dev/null || true
	touch $@
