"""schemathesis reads the OpenAPI document that the mock serves, makes requests from it, right and wrong ones, and finds
nothing: no answer that the document does not describe, none with 5xx, no wrong request that is accepted, and no right
one that a lenient mock refuses.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.sdks.threaded_mock import threaded_mock

SCHEMATHESIS = Path(sys.executable).with_name("st")
CONFIG = Path(__file__).with_name("schemathesis.toml")
#: Requests for each operation in the phases that draw them at random.
EXAMPLES = 6
SEED = 13


def run(tmp_path: Path, *options: str, lenient: bool, examples: int = EXAMPLES) -> str:
    with threaded_mock(lenient=lenient) as mock:
        tenant = mock.server.tenant
        keys = (f"sb-api-key-id:{tenant.api_key.reveal()}", f"sb-api-secret-key:{tenant.api_secret.reveal()}")
        headers = [argument for key in keys for argument in ("--header", key)]
        drawn = ("--seed", f"{SEED}", "--max-examples", f"{examples}", "--continue-on-failure")
        shown = ("--no-color", "--warnings", "off")
        command = [f"{SCHEMATHESIS}", "--config-file", f"{CONFIG}", "run", f"{mock.url}/mock/openapi.json"]
        # The stream of events goes on until its client leaves, and schemathesis waits for its end.
        endless = ("--exclude-path", "/api/v2/events")
        command += ["--url", mock.url, *headers, *drawn, *shown, *endless, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    # The names of the failures, without the requests, which may be long.
    found = "\n".join(line[:300] for line in done.stdout.splitlines())
    assert done.returncode == 0, found[-20_000:] + done.stderr[-2_000:]
    return done.stdout


def test_a_strict_mock_refuses_what_the_document_excludes(tmp_path: Path) -> None:
    # What only lenient mocks answer is 501 here. The document cannot say which lines and contacts an account has, so
    # a request that it allows may be refused.
    strict = ("--exclude-by", "/x-offhook-lenient == true", "--exclude-checks", "positive_data_acceptance")
    assert "generated" in run(tmp_path, *strict, lenient=False)


def test_a_lenient_mock_accepts_what_the_document_allows(tmp_path: Path) -> None:
    # It accepts more: any text where the document describes a formatted one. Requests at random are for the test above.
    lenient = ("--exclude-checks", "negative_data_rejection", "--phases", "coverage")
    assert "generated" in run(tmp_path, *lenient, lenient=True)


@pytest.mark.lets_out_secrets("schemathesis shows the answers that it objects to")
def test_a_wrong_document_is_noticed(tmp_path: Path) -> None:
    """The checks are on: a lenient mock breaks the one that its test above leaves out."""
    with pytest.raises(AssertionError, match="Schema-violating request accepted"):
        run(tmp_path, "--include-path", "/facetime/start-call", "--phases", "coverage", lenient=True, examples=1)
