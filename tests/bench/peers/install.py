"""Installs what offhook is compared with on demand: beside the environment that runs, never in it.

Nothing here is called by a default session.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.method import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In the environment of the session, so that it is removed together with it.
FOLDER: Final = Path(sys.prefix, "bench-peers")
_TIMEOUT_S: Final = 600


class PeerMissing(RuntimeError):
    """A peer cannot be installed here; says why in a sentence."""


def npm_command(package: str, command: str) -> Path:
    """A command of a package from npm.

    Raises:
        PeerMissing: it cannot be installed.
    """
    folder = FOLDER / "npm" / command
    path = folder / "node_modules" / ".bin" / command
    if not path.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise PeerMissing(f"{package} needs npm, which is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        _run(package, [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), package])
    return path


def python_of(name: str, requirements: Sequence[str]) -> Path:
    """The Python of an environment of its own that has these requirements.

    Raises:
        PeerMissing: they cannot be installed.
    """
    folder = FOLDER / name
    python = folder / "bin" / "python"
    done = folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        venv.create(folder, with_pip=True, clear=True)
        _run(name, [str(python), "-m", "pip", "install", "--quiet", *requirements])
        done.write_text(wanted, encoding="utf-8")
    return python


def debian_command(package: str, command: str) -> Path:
    """A command of a Debian package, which only root can install.

    Raises:
        PeerMissing: it cannot be installed; says what to type.
    """
    found = shutil.which(command)
    if found is None:
        line = f"apt-get install --no-install-recommends {package}"
        apt = shutil.which("apt-get")
        if apt is None or os.geteuid() != 0:
            raise PeerMissing(f"{package} is not installed; as root, type: {line}")
        _run(package, [apt, *line.split()[1:], "--yes", "--quiet"])
        found = shutil.which(command)
        if found is None:
            raise PeerMissing(f"the package {package} has no command {command}")
    return Path(found)


def _run(what: str, command: list[str]) -> None:
    progress(f"installing {what}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise PeerMissing(f"{what} was not installed within {_TIMEOUT_S} s") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise PeerMissing(f"{what} cannot be installed: {''.join(last)}")
