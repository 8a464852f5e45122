"""The answer to a question about audio: yes or no, and why; and a figure that a test read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: pytest shortens what it shows of an object to 240 characters.
_MOST_SHOWN: Final = 220


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about audio.

    Attributes:
        passed: the answer.
        expected: what is heard if the answer is yes.
        heard: what was heard, and where.
        look_at: what to look at if the other answer was expected.
        about_time: whether a machine that was busy could have caused the answer.
        off_by_s: how far what was heard is from the limit, in seconds, whatever the answer is; None without a figure.
    """

    passed: bool
    expected: str
    heard: str
    look_at: str
    about_time: bool = False
    off_by_s: float | None = None


class Answer(Protocol):
    """What a test learned about audio: a `Verdict`, or a figure that it read."""

    @property
    def explanation(self) -> str:
        """What was heard, in lines."""
        ...

    @property
    def about_time(self) -> bool:
        """Whether a machine that was busy could have caused it."""
        ...

    @property
    def passed(self) -> bool:
        """The answer; a figure always passes."""
        ...

    @property
    def off_by_s(self) -> float | None:
        """By how much a limit was missed, in seconds; None if none was, or no figure says that."""
        ...


Note: TypeAlias = "Callable[[Answer], None]"


class Verdict:
    """The answer to a question about audio. It is true or false, so that a test asserts it.

    What pytest shows of it says what was found, for ``assert`` and for ``assert not``.

    Args:
        question: the question, as it was written.
        finding: what was found out.
        note: called with the verdict each time that it is used as a condition.
        about: which of several calls it is about, for people; empty if there is only one.

    Attributes:
        passed: the answer.
        question: the question, as it was written.
        about_time: whether a machine that was busy could have caused the answer.
        off_by_s: by how much a limit was missed, in seconds; None if the verdict is true, or no figure says that.
    """

    __slots__ = ("_about", "_finding", "_note", "about_time", "off_by_s", "passed", "question")

    def __init__(self, question: str, finding: Finding, note: Note | None = None, about: str = "") -> None:
        self.passed: bool = finding.passed
        self.question: str = question
        self.about_time: bool = finding.about_time
        self.off_by_s: float | None = None if finding.passed else finding.off_by_s
        self._finding = finding
        self._note = note
        self._about = f" ({about})" if about else ""

    def __bool__(self) -> bool:
        if self._note is not None:  # also if it passed: that is what fails `assert not`
            self._note(self)
        return self.passed

    @property
    def explanation(self) -> str:
        """What was expected, what was heard and where, and what to look at, in four lines."""
        lines = (
            f"{self.question} is {'true' if self.passed else 'false'}{self._about}",
            f"  expected: {self._finding.expected}",
            f"  heard:    {self._finding.heard}",
            f"  look at:  {self._finding.look_at}",
        )
        return "\n".join(map(printable, lines))  # the name of a clip cannot begin a line of its own

    def __repr__(self) -> str:
        text = printable(f"<{'yes' if self.passed else 'no'}{self._about}: {self._finding.heard}")
        return f"{text[: _MOST_SHOWN - 2]}…>" if len(text) >= _MOST_SHOWN else f"{text}>"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that a test read.

    Attributes:
        name: what it is called.
        value: the figure, for people.
        lines: what it follows from.
        about_time: True: a machine that was busy could have caused it.
        passed: True: a figure alone fails nothing.
        off_by_s: None: the limit that it is compared with is in the test.
        about: which of several calls it is about, for people; empty if there is only one.
    """

    name: str
    value: str
    lines: tuple[str, ...]
    about_time: bool = True
    passed: bool = True
    off_by_s: float | None = None
    about: str = ""

    @property
    def explanation(self) -> str:
        """The figure, and who spoke when."""
        about = f" ({self.about})" if self.about else ""
        return "\n".join(map(printable, (f"{self.name} is {self.value}{about}", *(f"  {line}" for line in self.lines))))
