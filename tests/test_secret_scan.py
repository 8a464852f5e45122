"""The scan for secrets finds one wherever a test lets it out, and not where it belongs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.secret_scan import SCAN, SecretScan

pytest_plugins = ["pytester"]

# Put together here, so that no source holds one.
_SECRETS: Final = (
    "mock_secret_" + "0a" * 16,
    "mock_control_" + "0b" * 24,
    "mock_token_" + "0c" * 24,
    "007eJx" + "Ab1+" * 20,
)


@pytest.mark.safety("S20")
@pytest.mark.parametrize("secret", _SECRETS)
def test_each_kind_of_secret_is_found_in_text_and_files(secret: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    scan, folder = SecretScan(), tmp_path_factory.mktemp("left")
    scan.text("stdout", f"the keys are {secret}!")
    folder.joinpath("log.txt").write_text(f"[{secret}]")
    folder.joinpath("heard.wav").write_text(secret)
    scan.folder(folder)
    assert [found.partition(":")[0] for found in scan.found] == ["stdout", str(folder / "log.txt")]
    assert secret not in str(scan.found)


def test_what_tests_capture_and_read_from_children_is_scanned(capsys: pytest.CaptureFixture[str]) -> None:
    for secret in _SECRETS:
        print(secret)
        capsys.readouterr()
        subprocess.run([sys.executable, "-c", f"print({secret!r})"], capture_output=True, check=True)
    assert len(SCAN.found) == 2 * len(_SECRETS)
    SCAN.found.clear()  # or this test would fail


@pytest.mark.safety("S20")
def test_a_test_that_leaves_a_secret_in_a_file_fails(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from tests.secret_scan import no_secrets, scanned\n"
    )
    pytester.makepyfile(
        """
        SECRET = "mock_secret_" + "0a" * 16

        def test_leaves(tmp_path):
            (tmp_path / "log").write_text(SECRET)

        def test_clean(tmp_path):
            (tmp_path / "log").write_text("SENDBLUE_API_API_SECRET=" + SECRET)
        """
    )
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    outcome.assert_outcomes(passed=2, errors=1)
    outcome.stdout.fnmatch_lines(["*let out secrets*"])
