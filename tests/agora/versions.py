"""The tests of this folder on other versions of Agora's Python layer: ``python tests/agora/versions.py [VERSION...]``.

``newest`` stands for the newest release of the day. For a version that fails, what it changed is printed: functions
that it looks up in the native library, structures, callbacks, methods. Exit code: how many versions failed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agora.surface import changes, surface

from offhook.errors import OffhookError
from offhook_mockserver.agora_sdk.releases import DEFAULT, KNOWN, PROJECT, release
from offhook_mockserver.agora_sdk.sdist import obtain

HERE = Path(__file__).parent
USUAL = ("2.4.9", "2.3.4", "newest")
#: Tests that name their version run on it in the session `agora`, and those of folders and of this do not depend on it.
OTHERS = "not 2.3.4 and not 2.4.9 and not test_sdk_folder and not test_surface"
OPTIONS = ("-k", OTHERS, "-q", "-n", "4", "--dist", "worksteal")
SHOWN = 60
TIMEOUT_S = 600


def main(versions: list[str]) -> int:
    """Run the tests on each version; returns how many failed."""
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        usual = asyncio.run(obtain(release(DEFAULT)))
        for number, version in enumerate(versions or USUAL):
            place = Path(folder, str(number))
            place.mkdir()
            name, archive = newest(place) if version == "newest" else (version, asyncio.run(obtain(release(version))))
            if version == "newest" and hashlib.sha256(archive).hexdigest() in KNOWN.values():
                print(f"==== newest: it is {name}, which is known", flush=True)
            elif run(name, archive, place):
                failed.append(name)
                print_changes(name, changes(surface(usual), surface(archive)))
    print(f"==== {len(failed)} failed: {', '.join(failed)}" if failed else "==== every version passes", flush=True)
    return len(failed)


def newest(folder: Path) -> tuple[str, bytes]:
    """The version and the source archive of the newest release. Its hash is not known, so nothing of it is trusted."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", PROJECT]
    subprocess.run([*command, "--dest", str(folder)], check=True, timeout=TIMEOUT_S)
    (path,) = folder.glob("*.tar.gz")
    return path.name.removesuffix(".tar.gz").rpartition("-")[2], path.read_bytes()


def run(name: str, archive: bytes, folder: Path) -> int:
    """Run the tests on a version; returns pytest's exit code."""
    path = folder / f"{PROJECT}-{name}.tar.gz"
    path.write_bytes(archive)
    print(f"==== {PROJECT} {name}", flush=True)
    command = [sys.executable, "-m", "pytest", str(HERE), "-m", "agora", *OPTIONS]
    environment = {**os.environ, "OFFHOOK_TEST_AGORA_SDIST": str(path)}
    return subprocess.run(command, env=environment, timeout=TIMEOUT_S, check=False, cwd=HERE.parents[1]).returncode


def print_changes(name: str, lines: list[str]) -> None:
    """Print what a version changed, functions and callbacks first."""
    print(f"==== {name}: {len(lines)} changes from {DEFAULT}", flush=True)
    order = {"symbol": 0, "callback": 1, "struct": 2, "method": 3}
    lines.sort(key=lambda line: order.get(line.split()[1], 4))
    print("\n".join(lines[:SHOWN]), flush=True)
    if len(lines) > SHOWN:
        print(f"and {len(lines) - SHOWN} more", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OffhookError, subprocess.SubprocessError) as error:
        sys.exit(f"agora-versions: {error}")
