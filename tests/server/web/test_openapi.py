"""The REST routes against their own OpenAPI document, by schemathesis."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from http_server import local_server, new_token

#: Values are judged by the tools, which take more than their schemas say (null for what is absent,
#: a single value for a list, 0 for false) and less (no empty text, no date that is none): see
#: server/arguments.py. Every other check is on; each status has to be one the document names.
NOT_CHECKED = "negative_data_rejection,positive_data_acceptance"


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("schemathesis"), reason="needs the extra dev")
def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana,project:*")
    limits = {"ROUTEMEM_HTTP_RATE": "1000000", "ROUTEMEM_HTTP_BURST": "1000000"}
    with local_server(tmp_path, **limits) as server:
        paths = server.ask("/openapi.json", token).json()["paths"]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {token}", "--seed", "1"),
                *("--phases", "coverage,fuzzing", "--max-examples", "10", "--no-shrink"),
                *("--exclude-checks", NOT_CHECKED),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert server.ask("/health", token).status_code == 200
    assert done.returncode == 0, done.stdout[-5000:]
    assert f"Tested: {sum(map(len, paths.values()))}\n" in done.stdout
