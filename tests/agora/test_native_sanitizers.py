"""The mock's native library under ThreadSanitizer and AddressSanitizer: from a C program, and from Python."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.agora.native_program import LIBRARIES
from tests.agora.native_room import CHANNEL
from tests.patience import PATIENCE_S

from offhook_mockserver.agora_sdk.build import NATIVE, build
from offhook_mockserver.far_ends import PcmFarEnd

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
CC = os.environ.get("CC") or "cc"
pytestmark = pytest.mark.skipif(shutil.which(CC) is None, reason="needs a C compiler")


def compiled(folder: Path, flags: Sequence[str], name: str = "driver") -> Path:
    """A C program, with the library inside; skips the test if the compiler has no such sanitizer."""
    driver = folder / name
    sources = [str(HERE / "native" / f"{name}.c"), *map(str, sorted(NATIVE.glob("*.c")))]
    command = [CC, "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-O1", *flags, f"-I{NATIVE}"]
    done = subprocess.run(
        [*command, "-o", str(driver), *sources, "-lpthread", "-lm"], capture_output=True, text=True, check=False
    )
    if "cannot find" in done.stderr:
        pytest.skip(f"{CC} has no library for {flags}")
    assert done.returncode == 0, done.stderr
    return driver


def drive(driver: Path, rounds: int, **variables: str) -> tuple[int, str]:
    """Run the driver against a far end of its own."""

    async def main() -> tuple[int, str]:
        far = PcmFarEnd()
        await far.start()
        try:
            grant = far.grant(CHANNEL)
            process = await asyncio.create_subprocess_exec(
                str(driver),
                *(grant.app_id, CHANNEL, grant.token.reveal(), str(rounds)),
                env={**os.environ, "OFFHOOK_RELAY_URL": far.endpoint, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            async with asyncio.timeout(PATIENCE_S):
                output, _ = await process.communicate()
        finally:
            await far.aclose()
        return process.returncode or 0, output.decode()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        (["-fsanitize=thread"], {"TSAN_OPTIONS": "exitcode=66:halt_on_error=0"}),
        (["-fsanitize=address,undefined", "-fno-sanitize-recover=all"], {"ASAN_OPTIONS": "detect_leaks=1"}),
    ],
    ids=["threads", "addresses"],
)
def test_a_c_program_on_several_threads(tmp_path: Path, flags: list[str], variables: dict[str, str]) -> None:
    code, output = drive(compiled(tmp_path, flags), 3, **variables)
    assert code == 0, output
    assert "Sanitizer" not in output, output
    assert "heard" in output


@pytest.mark.parametrize(("program", "sanitizer"), [("handshake", "address,undefined"), ("services", "thread")])
def test_a_c_program_without_a_server(tmp_path: Path, program: str, sanitizer: str) -> None:
    path = compiled(tmp_path, [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"], program)
    done = subprocess.run([str(path)], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    said = [line for line in done.stderr.splitlines() if "released too early" not in line]
    assert (done.returncode, said) == (0, [])
    assert done.stdout in {"done\n", "0 left, done\n"}


def test_python_programs_over_a_library_with_address_sanitizer(sdk_folder: Path, tmp_path: Path) -> None:
    found = subprocess.run([CC, "-print-file-name=libasan.so"], capture_output=True, text=True, check=False)
    runtime = Path(found.stdout.strip())
    if not runtime.is_absolute():
        pytest.skip(f"{CC} has no libasan")
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    build(sdk_folder / "upstream" / "agora", tmp_path, flags=flags)
    selected = "order_in_which or same_uid or renewed or crosses_to_the_bit or interrupting or comes_back or released"
    command = [sys.executable, "-m", "pytest", "-q", "-k", selected]
    tests = [str(path) for path in sorted(HERE.glob("test_native_*.py")) if "sanitizers" not in path.name]
    variables = {
        "LD_PRELOAD": str(runtime.resolve()),
        "ASAN_OPTIONS": "detect_leaks=0",
        LIBRARIES: str(tmp_path),
    }
    done = subprocess.run(
        [*command, *tests], env={**os.environ, **variables}, capture_output=True, text=True, timeout=170, check=False
    )
    assert "Sanitizer" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
