"""The settings with which programs reach a running mock: as an environment, for people, for programs, and as a file."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError, StorageError
from offhook.records import home
from offhook.wording import quoted_path, system_reason
from offhook_mockserver.faces.control.place import PREFIX
from offhook_mockserver.faces.front_page import DOCS

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.server.socket_server import MockServer


#: The file name of the database in the settings; it is in the same folder as the database of real calls.
_DATABASE: Final = "mock.db"
_STORE: Final = "OFFHOOK_STORE"
#: How a file of ours begins. Such a file may be replaced: a mock that was killed has left it.
_MARK: Final = "# Settings of a running offhook mock"
#: A value that means the same to a shell, to Docker and to python-dotenv: Docker does not know quotes.
_PLAIN: Final = re.compile(r"[\w./:+@%=,-]*")


def environment_for(server: MockServer) -> dict[str, str]:
    """The variables that a program needs to call through this mock.

    The keys among them are not hidden: they were made when the mock started, and are valid for it alone.
    """
    return {
        "SENDBLUE_API_BASE_URL": server.url,
        "SENDBLUE_API_API_KEY": server.tenant.api_key.reveal(),
        "SENDBLUE_API_API_SECRET": server.tenant.api_secret.reveal(),
        "OFFHOOK_FROM_NUMBER": server.from_number,
        _STORE: store_setting(),
    }


def store_setting() -> str:
    """The spec of the store for calls to a mock. Without a home folder, no calls are kept."""
    try:
        return f"sqlite:{home({}).absolute() / _DATABASE}"
    except ConfigError:
        return "none"


def shell_word(text: str) -> str:
    """A text as a word of a shell, without anything that a terminal must not see."""
    if text.isprintable():
        return shlex.quote(text)
    # Such as bytes that are not UTF-8; the shells know this form (POSIX 2024, section 2.2.4).
    plain = [chr(byte) if 32 < byte < 127 and byte not in b"'\\" else f"\\{byte:03o}" for byte in os.fsencode(text)]
    return f"$'{''.join(plain)}'"


def ready_line(server: MockServer, control_file: Path | None) -> dict[str, object]:
    """What programs read from the first line of ``--json``.

    Args:
        server: the mock.
        control_file: the private file with its control token; None if there is none.
    """
    return {
        "url": server.url,
        "port": server.port,
        "pid": os.getpid(),
        "api_key": server.tenant.api_key.reveal(),
        "api_secret": server.tenant.api_secret.reveal(),
        "from_number": server.from_number,
        "control_url": f"{server.url}{PREFIX}",
        "control_file": None if control_file is None else str(control_file),
        "control_token": server.control_token.reveal(),
    }


def welcome(server: MockServer, scripts: Mapping[str, Script], control_file: Path | None) -> str:
    """What people read first: the settings to export, what to try, and the numbers, those of `scripts` first.

    Args:
        server: the mock.
        scripts: what callees of its own do.
        control_file: the private file with its control token; None if there is none.
    """
    from offhook_mockserver.callees.summaries import CLIPS, DEFAULT_NUMBER, table  # no script is needed for them

    where = "the token is not in a file" if control_file is None else f"the token is in {shell_word(str(control_file))}"
    exports = "\n".join(f"  export {name}={shell_word(value)}" for name, value in environment_for(server).items())
    return f"""offhook mock listens on {server.url} (this machine only)

{exports}

OFFHOOK_STORE keeps these calls apart from your real ones; `unset OFFHOOK_STORE` when you are done.
Try it in another terminal, with these variables set:

  offhook call {DEFAULT_NUMBER} --say wav:{CLIPS / "greeting.wav"}

Numbers, and what happens when you call them:

{table({number: script.summary for number, script in scripts.items()})}

Let something go wrong: offhook mock fault add lost_answer (offhook mock fault names lists what can).

Sendblue's API as it answers it: {server.url}{DOCS}
Control API for tests in any language: {server.url}{PREFIX}
  {where}

ctrl-C stops it. Calls:
"""


def env_file_text(settings: Mapping[str, str]) -> str:
    """The settings as lines ``NAME=value`` that a shell, Docker and python-dotenv read alike."""
    lines = [f"{_MARK}; it removes this file when it stops."]
    for name, value in settings.items():
        if _PLAIN.fullmatch(value):
            lines.append(f"{name}={value}")
        elif name == _STORE:
            lines += [
                f"# Calls are not stored: a shell and Docker would read {json.dumps(value)} differently.",
                f"{name}=none",
            ]
        else:
            raise ConfigError(f"{name} cannot be written to a file that a shell, Docker and python-dotenv read alike")
    return "".join(f"{line}\n" for line in lines)


@contextlib.contextmanager
def env_file(path: Path, settings: Mapping[str, str]) -> Generator[EnvFile]:
    """Write the settings to a file that only its owner can read; at the end it is removed, if it is still ours.

    Args:
        path: the file. One that a mock has left may be replaced, and no other.
        settings: what to write.

    Raises:
        ConfigError: the file exists, and is not from a mock.
        StorageError: it cannot be written.
    """
    file = EnvFile(path, settings)
    try:
        yield file
    finally:
        file.remove()


class EnvFile:
    """A file with the settings of a running mock; see `env_file`."""

    def __init__(self, path: Path, settings: Mapping[str, str]) -> None:
        self._path = path.absolute()  # stays right when the process changes its folder later
        try:
            if os.path.lexists(path) and not _is_from_a_mock(path):
                raise ConfigError(
                    f"{quoted_path(path)} already exists and is not from a mock, and offhook never overwrites files: "
                    "choose another name for --env-file"
                )
            # Renamed when it is complete: programs wait for the file, and read it as soon as it is there.
            descriptor, new = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            try:
                with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                    os.fchmod(descriptor, 0o600)  # whatever the umask took away
                    file.write(env_file_text(settings))
                Path(new).replace(self._path)
            except BaseException:
                Path(new).unlink(missing_ok=True)
                raise
            self._identity = _identity(self._path)
        except (OSError, ValueError) as error:
            raise StorageError(
                f"the settings cannot be written to {quoted_path(path)}: {system_reason(error)}."
            ) from None

    def remove(self) -> None:
        """Remove it, unless another mock has replaced it. Idempotent."""
        with contextlib.suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _is_from_a_mock(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open(errors="replace") as file:
        return file.read(len(_MARK)) == _MARK
