"""What the tests of the HTTP server share."""

import pytest


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> None:
    """A server serves a whole module, and closes at its end what it opened."""
