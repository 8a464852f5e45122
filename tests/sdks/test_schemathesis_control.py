"""schemathesis reads the OpenAPI document of the control API, makes requests from it, and finds nothing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.sdks.test_schemathesis import CONFIG, SCHEMATHESIS, SEED
from tests.sdks.threaded_mock import threaded_mock

if TYPE_CHECKING:
    from pathlib import Path

#: Requests for each operation in the phases that draw them at random.
EXAMPLES = 3
#: The stream of events goes on until its client leaves, waits wait, and schemathesis makes no WAV files.
NOT_ASKED = "(/events|/wait|/clips/.name.)$"
#: A request that the document allows may name a call that there is not. And the check of the token is
#: `test_access.py`'s: schemathesis sends this one with every request, also with those that it means to have none.
LEFT_OUT = "positive_data_acceptance,ignored_auth"


def test_the_control_api_does_what_its_document_says(tmp_path: Path) -> None:
    with threaded_mock(lenient=False) as mock:
        command = [f"{SCHEMATHESIS}", "--config-file", f"{CONFIG}", "run", f"{mock.url}/mock/v1/openapi.json"]
        command += ["--url", mock.url, "--header", f"authorization:Bearer {mock.server.control_token.reveal()}"]
        command += ["--seed", f"{SEED}", "--max-examples", f"{EXAMPLES}", "--continue-on-failure", "--no-color"]
        command += ["--warnings", "off", "--exclude-path-regex", NOT_ASKED, "--exclude-checks", LEFT_OUT]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = "\n".join(line[:300] for line in done.stdout.splitlines())
    assert done.returncode == 0, found[-20_000:] + done.stderr[-2_000:]
    assert "generated" in found
