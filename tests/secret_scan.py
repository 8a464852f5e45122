"""Looks for secrets in all that the tests print, log and write, and in what they read from the programs they start.

Every secret of a mock has a shape of its own, so no test has to say which secrets there are. Text is scanned where it
passes: what pytest captured, what a test took from `capsys` and its like, what it read from a child process, and the
files that it left in its temporary folders.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: The secret keys, control tokens and access tokens of mocks, and Agora's tokens: a version and at least 60 characters
#: of base64.
SHAPES: Final = re.compile(rb"mock_(?:secret|control|token)_[0-9a-f]{16,}|00[67](?:eJ|[0-9a-f]{32})[A-Za-z0-9+/=]{60,}")
#: Where a secret belongs: lines to export, the ready line for programs, and the private file that commands read.
_MEANT: Final = re.compile(
    rb"SENDBLUE_API_API_SECRET'?\"?[=:] ?\"?'?mock_secret_[0-9a-f]+|\"control_token\": \"mock_control_[0-9a-f]+"
)
_MOST_BYTES: Final = 16 * 1024 * 1024
#: Audio holds no text, and is most of what tests write.
_AUDIO: Final = frozenset({".wav", ".pcm", ".opus"})


class SecretScan:
    """Collects what is found during a test."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def text(self, place: str, text: str | bytes | bytearray | None) -> None:
        """Scan a text; a secret in it is noted with its place and its beginning."""
        if text:
            raw = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
            rest = _MEANT.sub(b"", raw)
            self.found += [f"{place}: {found[0][:20].decode()}…" for found in SHAPES.finditer(rest)]

    def folder(self, folder: Path) -> None:
        """Scan the files below a folder."""
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):  # a socket, a FIFO or a file without rights, which a test made
                if path.is_file() and path.suffix not in _AUDIO and path.stat().st_size <= _MOST_BYTES:
                    self.text(str(path), path.read_bytes())


SCAN: Final = SecretScan()


@pytest.fixture(autouse=True)
def no_secrets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that let out a secret, unless it is marked ``lets_out_secrets`` with the reason."""
    SCAN.found.clear()
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        SCAN.folder(folder)
    found = sorted(set(SCAN.found))
    if found and request.node.get_closest_marker("lets_out_secrets") is None:
        pytest.fail("this test let out secrets:\n" + "\n".join(found[:20]))


@pytest.fixture(scope="session", autouse=True)
def scanned() -> Iterator[None]:
    """Scan what tests take from pytest's captures and from child processes, for the whole run."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((pytest.CaptureFixture, "readouterr"), (subprocess.Popen, "communicate")):
            patch.setattr(owner, name, _scanning(getattr(owner, name), f"{owner.__name__}.{name}()"))
        yield


def _scanning(original: Callable[..., Any], place: str) -> Callable[..., Any]:
    def scanning(*args: Any, **options: Any) -> Any:
        output = original(*args, **options)
        for text in output:
            SCAN.text(place, text)
        return output

    return scanning
