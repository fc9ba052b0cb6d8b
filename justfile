# Names for plain commands; nothing here is needed to work on the project.
default: test lint

setup:
    python -m venv .venv && .venv/bin/pip install -e ".[dev]"

test *args:
    .venv/bin/pytest {{args}}

slow:
    .venv/bin/pytest -m slow

lint:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    .venv/bin/pyright
    .venv/bin/python scripts/readme.py --check

fix:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .
    .venv/bin/python scripts/readme.py

coverage:
    .venv/bin/coverage run -m pytest && .venv/bin/coverage report

bench:
    .venv/bin/python -m benchmarks.server

ci:
    .ci/run
