# A new machine needs python3 (3.11 or newer) and make; everything else is installed into .venv.

PY := .venv/bin/python
BIN := .venv/bin

.PHONY: help run demo test quick soak check format bench screenshots messages licences lock bom audit fixtures clean run-environment dev-environment \
	audit-environment

help:
	@echo "make run          start Rung on http://localhost:8000"
	@echo "make demo         fill var/demo with a client, a coach and four months of history"
	@echo "make test         every test: SQLite, PostgreSQL where it answers, real browsers"
	@echo "make quick        in a minute: the rules and the pages, without browsers, other processes and PostgreSQL"
	@echo "make soak         phones on a bad network, everything killed at random: MINUTES=10 or EXPOSURES=500, SEED=7"
	@echo "make check        format, lint and types of Python, templates and scripts; the arrows between rooms"
	@echo "make format       let ruff, djlint and Biome put code, templates and scripts into shape"
	@echo "make bench        what a page costs, as ratios to a bare Flask view"
	@echo "make screenshots  take the README's screenshots again"
	@echo "make messages     collect the texts for translators"
	@echo "make licences     write docs/licences.md from what is installed"
	@echo "make lock         renew the lock files: every package and the hashes of its files"
	@echo "make bom          write dist/rung.cdx.json: what running Rung stands on, as CycloneDX"
	@echo "make audit        known weaknesses of the packages, and a scanner against a filled instance"
	@echo "make fixtures     record each release that is not there yet: a small database, and what its pages sent"
	@echo "make clean        remove .venv and caches; var/ stays"

run-environment:
	@sh tools/environment.sh requirements.txt

dev-environment:
	@sh tools/environment.sh requirements-dev.txt
	@sh tools/javascript.sh install

audit-environment:
	@sh tools/environment.sh requirements-audit.txt .venv-audit

run: run-environment
	@exec $(PY) app.py

demo: run-environment
	@exec $(PY) -m erp.demo

test: dev-environment
	@exec $(PY) tools/test.py

quick: dev-environment
	@exec $(PY) tools/test.py --quick

soak: dev-environment
	@exec $(PY) -m tests.faults.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(EXPOSURES),--exposures $(EXPOSURES)) \
		$(if $(SEED),--seed $(SEED))

check: dev-environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --no-logo
	$(BIN)/djlint --check templates
	$(BIN)/djlint --lint --quiet templates
	@sh tools/javascript.sh check
	@$(PY) tools/licences.py --check
	@$(PY) tools/lock.py --check

format: dev-environment
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djlint --reformat --quiet templates
	@sh tools/javascript.sh format

bench: dev-environment
	@exec $(PY) -m bench

screenshots: dev-environment
	@exec $(PY) -m tools.screenshots

messages: dev-environment
	@mkdir -p translations
	$(BIN)/pybabel extract --mapping-file=babel.cfg --project=Rung --sort-by-file --add-location=file \
		--output-file=translations/messages.pot .

licences: dev-environment
	@exec $(PY) tools/licences.py

lock: audit-environment
	@exec .venv-audit/bin/python tools/lock.py

bom: audit-environment
	@mkdir -p dist
	@.venv-audit/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
		--output-file dist/rung.cdx.json requirements.lock

audit: run-environment audit-environment
	@exec .venv-audit/bin/python tools/audit.py

fixtures: dev-environment
	@exec $(PY) tools/fixtures.py

clean:
	rm -rf .venv .venv-audit dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
