"""Does what the tutorial says, from an empty folder: writes its files, runs its commands, compares what they print.

Run by `nox -s wheel`, with the Python of an environment that has the built wheel and its extras. Blocks of the page are
marked by the comment before them::

    <!-- file: PATH -->     a whole file, written when its turn comes
    <!-- append: PATH -->   goes to the end of a Python file, after two blank lines
    <!-- run -->            commands, each followed by what it must print; ``run: exit 2`` where that is how it must end
    <!-- serve -->          a command that is left running until the end; the settings that it prints are kept

Of what is printed each line of the page must come, in its order; blanks are not compared, and ``…`` is anything.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorial/write-a-plugin.md"
EXAMPLE = ROOT / "docs/examples/acme-offhook"
#: What tools leave in a project that is no part of it.
_LEFT_BY_TOOLS = ("__pycache__", ".pytest_cache", ".hypothesis", "heard", ".venv")
_COMMAND_S = 120.0
_SERVER_S = 20.0

_BLOCK = re.compile(r"^<!-- (file|append|run|serve)(?:: ([^\n]+))? -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Differs(Exception):
    """The page says one thing, and the world does another."""


@dataclass(frozen=True)
class Block:
    """A marked block of the page."""

    kind: str
    argument: str
    text: str


def blocks(page: str) -> list[Block]:
    """The marked blocks, in their order."""
    found = [Block(kind, argument or "", text) for kind, argument, text in _BLOCK.findall(page)]
    marks = len(re.findall(r"^<!-- (?:file|append|run|serve)\b", page, re.MULTILINE))
    if len(found) != marks:
        raise Differs(f"{marks} blocks are marked in the page, and {len(found)} can be read")
    return found


def write(block: Block, folder: Path) -> None:
    """Write a file, or go on with it."""
    path = folder / block.argument
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") + "\n\n" if block.kind == "append" else ""
    path.write_text(before + block.text, encoding="utf-8")


def files(folder: Path) -> set[str]:
    """The files of a project, without what tools leave there."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not set(path.relative_to(folder).parts) & set(_LEFT_BY_TOOLS)
    }


def compare(folder: Path) -> None:
    """The project that came out is the example.

    Raises:
        Differs: it is not.
    """
    ours, theirs = files(folder), files(EXAMPLE)
    if ours != theirs:
        raise Differs(f"in the page or in the example alone: {', '.join(sorted(ours ^ theirs))}")
    differ = [name for name in sorted(ours) if not filecmp.cmp(folder / name, EXAMPLE / name, shallow=False)]
    if differ:
        raise Differs(f"the page and the example have different: {', '.join(differ)}")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, with the lines that it must print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *expected = part.splitlines()
        yield command, [line for line in expected if line.strip(" …")]


def check_printed(command: str, printed: str, expected: list[str]) -> None:
    """Every line comes, in this order.

    Raises:
        Differs: one does not.
    """
    rest = " ".join(printed.split())
    for line in expected:
        for piece in line.split("…"):
            words = " ".join(piece.split())
            _, found, rest_after = rest.partition(words)
            if not found:
                raise Differs(f"{command!r} must print {line!r}, after what came before, and printed:\n{printed}")
            rest = rest_after


class Reader:
    """Somebody who follows the page in an environment of their own."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")}
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment["OFFHOOK_HOME"] = str(home)
        self.environment["COLUMNS"] = "200"
        self._servers: list[subprocess.Popen[str]] = []

    def follow(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            Differs: it does not come out as the page says.
        """
        if block.kind in {"file", "append"}:
            write(block, self.folder)
        for command, expected in commands(block.text) if block.kind in {"run", "serve"} else ():
            began_s = time.monotonic()
            if block.kind == "serve":
                self._serve(command, expected)
            else:
                self._run(command, expected, int(block.argument.removeprefix("exit ") or 0))
            sys.stdout.write(f"{time.monotonic() - began_s:6.1f} s  {command}\n")
            sys.stdout.flush()

    def stop(self) -> None:
        """Stop what was left running."""
        for server in self._servers:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

    def _run(self, command: str, expected: list[str], code: int) -> None:
        done = subprocess.run(
            _as_here(command),
            shell=True,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_COMMAND_S,
            check=False,
        )
        if done.returncode != code:
            raise Differs(f"{command!r} ended with {done.returncode} and not {code}, and printed:\n{done.stdout}")
        check_printed(command, done.stdout, expected)

    def _serve(self, command: str, expected: list[str]) -> None:
        with tempfile.NamedTemporaryFile("w+") as output:
            server = subprocess.Popen(
                shlex.split(command),
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
            self._servers.append(server)
            end_s = time.monotonic() + _SERVER_S
            while True:
                printed = Path(output.name).read_text(encoding="utf-8")
                try:
                    check_printed(command, printed, [*expected, "ctrl-C stops it"])
                    break
                except Differs:
                    if time.monotonic() > end_s or server.poll() is not None:
                        raise
                time.sleep(0.1)
        self.environment.update(re.findall(r"^\s*export (\w+)=(\S+)$", printed, re.MULTILINE))


def _as_here(command: str) -> str:
    """`pip` as it can be had: environments that uv makes have none, and uv does the same."""
    python = shlex.quote(sys.executable)
    if re.match(r"pip install\b", command):
        if shutil.which("uv"):
            return command.replace("pip install", f"uv pip install --python {python}", 1)
        return command.replace("pip install", f"{python} -m pip --disable-pip-version-check install", 1)
    return command


def main() -> None:
    """Follow the page.

    Raises:
        SystemExit: it does not come out as the page says.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()), "acme-offhook")
        folder.mkdir()
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reader = Reader(folder, home)
        stack.callback(reader.stop)
        try:
            for block in blocks(PAGE.read_text(encoding="utf-8")):
                reader.follow(block)
            compare(folder)
        except Differs as difference:
            raise SystemExit(f"docs/tutorial/write-a-plugin.md: {difference}") from None
    sys.stdout.write("the tutorial comes out as it says\n")


if __name__ == "__main__":
    main()
