"""The environment of a part that is chosen by name: its settings, and the objects that all parts of a phone share."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_methods, check_settings
from offhook.errors import ConfigError
from offhook.interfaces.clock import SystemClock, check_clock
from offhook.interfaces.ids import Ids, check_ids

if TYPE_CHECKING:
    from typing import Self

    import httpx

    from offhook.interfaces.clock import Clock


_HTTP: Final = "an asynchronous httpx transport, such as httpx.AsyncHTTPTransport() or what a mock's http() returns"
#: The names of settings that offhook defines begin with these; only their values are checked.
PREFIXES: Final = ("OFFHOOK_", "SENDBLUE_")
#: Control characters and format characters, such as the mark with which some editors begin a file.
_HIDDEN: Final = ("Cc", "Cf")
_QUOTES: Final = ('""', "''", "``", "“”", "‘’")


class Environment(Mapping[str, str]):
    """The settings for a part that is chosen by name, and the objects that all parts of a phone share.

    The factory of the part receives it. It is a mapping of the settings. It never shows their values, and neither do
    the frames of a traceback that it is in, because settings may be keys. Looking up a setting of offhook raises
    `ConfigError` if its value has blanks, line breaks, invisible characters or quotes around it: some ways to read a
    file of settings leave them there.

    Args:
        variables: the settings, named and written as environment variables are.
        clock: the time; the machine's clock by default.
        ids: identifiers and random numbers; from the system's entropy by default.
        http: an httpx transport for reaching HTTP servers, instead of the network; None for the network.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._variables: Mapping[str, str] = {}
        if isinstance(variables, Environment):
            self._variables = variables._variables
        elif variables is not None:
            self._variables = check_settings(variables, "environment")
        self.clock: Clock = SystemClock() if clock is None else check_clock(clock)
        self.ids: Ids = Ids() if ids is None else check_ids(ids)
        if http is not None:
            check_methods(http, "http", ("handle_async_request",), _HTTP)
        self.http = http

    @classmethod
    def of_process(cls) -> Self:
        """The settings in the environment of this process, as they are whenever one is looked up."""
        return cls(os.environ)

    def __getitem__(self, name: str) -> str:
        value = self._variables.get(name)
        if value is None:
            # Not raised by the mapping itself: the traceback would hold the frame of `os.environ`, which shows it all.
            raise KeyError(name)
        problem = self.problem_with(name)
        if problem:
            raise ConfigError(problem)
        return value

    def as_written(self, name: str) -> str:
        """The value of a setting with whatever is around it; empty if it is not set."""
        return self._variables.get(name) or ""

    def problem_with(self, name: str) -> str:
        """One sentence about what stands around the value of a setting of offhook; empty if nothing does."""
        value = self.as_written(name) if name.startswith(PREFIXES) else ""
        if around := _around(value):
            return f"the value of {name} has {around} around it: remove what is around it where {name} is set"
        if value[:1] + value[-1:] in _QUOTES and len(value) > 1:
            return f"the value of {name} has quotes around it, which are part of it: write it without them"
        return ""

    def __repr__(self) -> str:
        return f"Environment({', '.join(sorted(name for name in self._variables if name.startswith(PREFIXES)))})"

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def _around(value: str) -> str:
    """What cannot be seen at the beginning or the end of a value; empty if nothing is there."""
    ends = value[:1], value[-1:]
    if set("\r\n") & {*ends}:
        return "a line break"
    if value != value.strip():
        return "blanks"
    hidden = next((end for end in ends if end and unicodedata.category(end) in _HIDDEN), "")
    return f"an invisible character ({ascii(hidden)[1:-1]})" if hidden else ""


def unread(settings: Mapping[str, str], names: Iterable[str]) -> str:
    """Why settings that a program has exported are not used; empty if none of them is set in the process.

    Args:
        settings: the settings of a phone.
        names: variables that are missing in them.
    """
    lost = [name for name in names if os.environ.get(name) and not settings.get(name)]
    if not lost:
        return ""
    return (
        f"{', '.join(lost)} {'is' if len(lost) == 1 else 'are'} set in this process's environment, but Phone() reads "
        "no environment: use Phone.from_env()"
    )
