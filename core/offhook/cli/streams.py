"""Standard output and standard error of a command: writing to them never raises, and nothing unprintable passes.

What a command prints must not decide what it does. So a stream that is closed, full or broken loses text and nothing
else happens; characters that its encoding lacks are escaped, and so is everything that a terminal would obey. While a
call or a server is up, text is written by another thread: a pipe that is not read, or a terminal that was stopped with
ctrl-S, must not stop the audio.

Only this file and `stopping` write to the descriptors; everything else prints through `offhook.cli.output`.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import select
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO, cast

from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
#: Pieces of text that may wait to be written while another thread writes.
MOST_PIECES: Final = 1000
#: How long the last text may take to be written when the process must end.
LAST_TEXT_S: Final = 0.5
#: How long the thread that writes waits after each write, so that a burst of lines does not wake it for each of them.
_PAUSE_S: Final = 0.01
#: How often it is checked whether the process must end, while the last text is not read.
_CHECK_S: Final = 0.05
#: Errors of a descriptor that has no reader any more: the other end of the pipe, or the terminal, is gone.
_UNREAD: Final = frozenset({errno.EPIPE, errno.EBADF, errno.EIO})


class Writer:
    """Writes bytes to a descriptor, on the caller's thread or in the background, and drops what cannot be written.

    Attributes:
        descriptor: where it writes.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._lost: OSError | None = None
        self._pieces: deque[bytes] = deque()
        self._dropped = 0
        self._changed = threading.Condition()
        self._background = False
        self._stuck = False
        self._ended = threading.Event()

    @property
    def lost(self) -> str:
        """Why text was lost, for example because the disk is full. Empty if none was lost, or if nothing reads it."""
        return "" if self._lost is None or self._lost.errno in _UNREAD else os.strerror(self._lost.errno or 0)

    def write(self, data: bytes) -> None:
        """Write or queue `data`."""
        if self._background:
            self._queue(data)
        elif not self._stuck:
            self._put(data)

    @contextlib.contextmanager
    def in_background(self, must_end: Callable[[], object]) -> Generator[None]:
        """While this lasts, a thread writes. When more than `MOST_PIECES` wait, the oldest is dropped, and counted.

        At the end this waits until everything is written.

        Args:
            must_end: whether the process must end: then the last text has `LAST_TEXT_S`, and what is printed after it
                is lost if the descriptor still accepts nothing.
        """
        # A daemon, because a write that blocks for good must not keep the process alive.
        thread = threading.Thread(target=self._run, name=f"offhook-output-{self.descriptor}", daemon=True)
        self._background = True
        self._ended.clear()
        thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._background = False
                self._changed.notify()
            self._ended.set()
            while thread.is_alive() and not must_end():
                thread.join(_CHECK_S)
            thread.join(LAST_TEXT_S)
            self._stuck = thread.is_alive()

    def _queue(self, data: bytes) -> None:
        with self._changed:
            if len(self._pieces) == MOST_PIECES:
                self._pieces.popleft()
                self._dropped += 1
            self._pieces.append(data)
            self._changed.notify()

    def _run(self) -> None:
        while (data := self._next()) is not None:
            self._put(data)
            self._ended.wait(_PAUSE_S)

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or not self._background)
            dropped, self._dropped = self._dropped, 0
            if not self._pieces:
                return None
            missing = f"({dropped} lines were dropped here, because the output was not read)\n" if dropped else ""
            data = missing.encode("ascii") + b"".join(self._pieces)
            self._pieces.clear()
            return data

    def _put(self, data: bytes) -> None:
        try:
            while data:
                try:
                    data = data[os.write(self.descriptor, data) :]
                except BlockingIOError:  # another process shares the pipe and made it non-blocking
                    select.select((), (self.descriptor,), ())
        except OSError as error:
            self._lost = error


class SafeStream(io.TextIOBase):
    """A text stream to a descriptor. `write` escapes what is unprintable, except newlines and tabs, and never raises.

    Libraries take it for a file, so that they do not send it escape sequences.

    Args:
        writer: writes to the descriptor.
        encoding: the encoding of the text; characters that it lacks are escaped.
        styled: whether this is the stream for text that moves the cursor, which `terminal` returns.

    Attributes:
        buffer: the stream for bytes.
    """

    encoding: str = "utf-8"
    errors: str | None = "backslashreplace"

    def __init__(self, writer: Writer, encoding: str, *, styled: bool = False) -> None:
        self.encoding = encoding
        self.writer = writer
        self.buffer: io.RawIOBase = _Bytes(self)
        self._encoder = codecs.getincrementalencoder(encoding)("backslashreplace")
        self._styled = styled

    @property
    def terminal(self) -> SafeStream | None:
        """This stream without its escaping, if the descriptor is a terminal; else None.

        What is written to it must come from offhook itself, or be escaped.
        """
        return SafeStream(self.writer, self.encoding, styled=True) if os.isatty(self.writer.descriptor) else None

    def fileno(self) -> int:
        return self.writer.descriptor

    def isatty(self) -> bool:
        return self._styled

    def writable(self) -> bool:
        return True

    def reconfigure(self, **_: object) -> None:
        """Change nothing: programs ask for another encoding or for line buffering, which is what this has."""

    def write(self, text: str, /) -> int:
        shown = text if self._styled else _escaped(text)
        self.writer.write(self._encoder.encode(shown))
        return len(text)


class _Bytes(io.RawIOBase):
    """The bytes of a stream: a command may write audio to a pipe. On a terminal, they are text like any other."""

    def __init__(self, stream: SafeStream) -> None:
        self._stream = stream

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        raw = bytes(data)
        if self._stream.terminal is None:
            self._stream.writer.write(raw)
        else:
            self._stream.write(raw.decode(errors="surrogateescape"))
        return len(raw)


def _escaped(text: str) -> str:
    lines = ("\t".join(printable(part) for part in line.split("\t")) for line in text.split("\n"))
    return "\n".join(lines)


def guard_streams() -> None:
    """Make standard output and standard error of this process safe. Call it first, and only in a process of our own.

    A descriptor that is closed is opened on the null device; otherwise the next file or socket would get its number,
    and receive what is printed. Streams that something else has put in place of Python's own are left alone.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number, which is this one
    if sys.stdin is sys.__stdin__ is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(STDIN, closefd=False))
    if sys.stdout is sys.__stdout__:
        sys.stdout = _safe(sys.stdout, STDOUT)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _safe(sys.stderr, STDERR)


def _safe(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.flush()
    return cast("TextIO", SafeStream(Writer(descriptor), "utf-8" if stream is None else stream.encoding))


def terminal() -> TextIO | None:
    """Standard output for text that moves the cursor, if it is a terminal; else None. See `SafeStream.terminal`."""
    return stream_terminal(sys.stdout)


def stream_terminal(stream: TextIO | SafeStream) -> TextIO | None:
    """Standard output or standard error for text that moves the cursor, if it is a terminal; else None.

    Args:
        stream: `sys.stdout` or `sys.stderr`.
    """
    if isinstance(stream, SafeStream):
        return cast("TextIO | None", stream.terminal)
    return stream if stream.isatty() else None


def lost_output() -> str:
    """Why text for standard output was lost; empty if no text was lost. See `Writer.lost`."""
    return sys.stdout.writer.lost if isinstance(sys.stdout, SafeStream) else ""


def write_if_accepted(descriptor: int, data: bytes) -> None:
    """Write a few bytes now, or not at all: the caller ends the process, and cannot wait."""
    with contextlib.suppress(OSError):
        if select.select((), (descriptor,), (), 0)[1]:
            os.write(descriptor, data)


@contextlib.contextmanager
def written_in_background(must_end: Callable[[], object]) -> Generator[None]:
    """While this lasts, printing never blocks; see `Writer.in_background`."""
    with contextlib.ExitStack() as stack:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, SafeStream):
                stack.enter_context(stream.writer.in_background(must_end))
        yield
