"""The audio measures need numpy and soxr, and only when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from offhook import errors
from offhook.testing.audio import Clip

MEASURES = "offhook.testing.audio.measures"


def test_importing_the_kit_imports_no_numpy() -> None:
    look = "import sys, offhook.testing.audio; print([name for name in ('numpy', 'soxr') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["numpy", "soxr"])
def test_without_them_a_measure_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, MEASURES, raising=False)
    monkeypatch.delattr("offhook.testing.audio.measures", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(errors.MissingExtraError, match=r'measuring audio needs .* pip install "offhook\[audio\]"'):
        Clip(b"", 8_000).level_dbfs()
