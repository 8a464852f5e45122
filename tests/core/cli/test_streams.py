"""The streams of a command: nothing that becomes of them raises, or decides what the command does."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import select
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offhook.cli import streams
from offhook.cli.streams import (
    SafeStream,
    Writer,
    guard_streams,
    lost_output,
    stream_terminal,
    terminal,
    write_if_accepted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = Path("/dev/full")
#: Everything that moves a cursor, changes a colour, a title or the direction of writing, or forges the end of a line.
HOSTILE = "\x1b]0;pwned\x07\x1b[31m\x9b2J\x7f\r\u202e\u2066\u2028\u2029\x85\udce9\x00\x08"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that is closed at the end."""
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def stream(descriptor: int, encoding: str = "utf-8") -> SafeStream:
    return SafeStream(Writer(descriptor), encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "cp1252"])
def test_only_text_reaches_the_descriptor(pipe: tuple[int, int], encoding: str) -> None:
    reader, writer = pipe
    shown = f"a\tb {HOSTILE}\nc\n"
    assert stream(writer, encoding).write(shown) == len(shown)
    written = os.read(reader, 4096).decode(encoding)
    assert written.startswith("a\tb \\x1b]0;pwned\\x07\\x1b[31m\\x9b2J\\x7f\\r\\u202e")
    assert written.endswith("\nc\n")
    assert written.replace("\n", "").replace("\t", "").isprintable()


@pytest.mark.parametrize(("encoding", "shown"), [("latin-1", "Gr\\u2022ße"), ("ascii", "Gr\\u2022\\xdfe")])
def test_characters_that_the_encoding_lacks_are_escaped(pipe: tuple[int, int], encoding: str, shown: str) -> None:
    reader, writer = pipe
    stream(writer, encoding).write("Gr\u2022ße")
    assert os.read(reader, 4096).decode(encoding) == shown


def test_it_looks_like_a_file_to_libraries(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = stream(writer, "latin-1")
    assert (out.encoding, out.errors, out.fileno(), out.isatty()) == ("latin-1", "backslashreplace", writer, False)
    assert out.writable()
    assert out.terminal is None
    out.reconfigure(encoding="utf-8", line_buffering=True)
    out.flush()
    assert out.buffer.writable()
    assert out.buffer.fileno() == writer
    assert out.buffer.write(b"\x1b\xff") == 2, "audio, for example"
    assert os.read(reader, 4096) == b"\x1b\xff"


def test_on_a_terminal_bytes_are_text_and_only_the_display_moves_the_cursor() -> None:
    ours, theirs = pty.openpty()
    try:
        out = stream(theirs)
        out.buffer.write(b"\x1b[31m")
        assert os.read(ours, 100) == b"\\x1b[31m"
        styled = out.terminal
        assert styled is not None
        assert styled.isatty()
        styled.write("\x1b[2K")
        assert os.read(ours, 100) == b"\x1b[2K"
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_device_loses_text_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with FULL.open("wb", buffering=0) as full:
        out = stream(full.fileno())
        out.write("lost")
        assert out.writer.lost == "No space left on device"
        monkeypatch.setattr(sys, "stdout", out)
        assert lost_output() == "No space left on device"


def test_a_reader_that_is_gone_is_not_an_error(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = stream(writer)
    os.close(reader)
    out.write("not read")
    assert out.writer.lost == ""
    os.close(writer)
    out.write("closed")
    assert out.writer.lost == ""


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    text = "x" * 300_000
    read, waits, select_ = bytearray(), threading.Event(), select.select

    def waiting(*arguments: Any) -> object:
        waits.set()
        return select_(*arguments)

    monkeypatch.setattr(select, "select", waiting)

    def read_all() -> None:
        waits.wait(10)
        while len(read) < len(text):
            read.extend(os.read(reader, 65_536))

    thread = threading.Thread(target=read_all)
    thread.start()
    stream(writer).write(text)
    thread.join(10)
    assert read.decode() == text


def test_in_the_background_an_unread_pipe_does_not_block_and_the_oldest_lines_are_dropped(
    pipe: tuple[int, int],
) -> None:
    reader, writer = pipe
    while True:  # fill it
        os.set_blocking(writer, False)
        try:
            os.write(writer, bytes(65_536))
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    out = stream(writer)
    started, finished, read = threading.Event(), threading.Event(), bytearray()

    def read_all() -> None:
        started.wait(10)
        while b"last\n" not in read:
            read.extend(os.read(reader, 65_536))
        finished.set()

    thread = threading.Thread(target=read_all)
    thread.start()
    with out.writer.in_background(lambda: False):
        for number in range(2 * streams.MOST_PIECES + 100):
            out.write(f"line {number}\n")
        started.set()
        finished.wait(0)
        out.write("last\n")
    thread.join(10)
    lines = read.lstrip(b"\0").decode().splitlines()
    (notice,) = [line for line in lines if "dropped" in line]
    dropped = int(notice.strip("(").split(" ")[0])
    numbers = [int(line.split(" ")[1]) for line in lines if line.startswith("line ")]
    assert len(numbers) + dropped == 2 * streams.MOST_PIECES + 100
    assert numbers == sorted(numbers)
    assert numbers[-1] == 2 * streams.MOST_PIECES + 99
    assert lines[-1] == "last"


class Pause(threading.Event):
    """The pause after a write, which lasts until the writer ends."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait()


def test_lines_that_wait_together_are_written_together(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(descriptor: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    monkeypatch.setattr("offhook.cli.streams.os.write", write)
    out = stream(pipe[1])
    pause = out.writer._ended = Pause()
    with out.writer.in_background(lambda: False):
        out.write("one\n")
        assert pause.begun.wait(10)
        for number in range(100):
            out.write(f"{number}\n")
    assert written == [b"one\n", "".join(f"{number}\n" for number in range(100)).encode()]


def test_when_the_process_must_end_an_unread_pipe_does_not_keep_it(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    monkeypatch.setattr(streams, "LAST_TEXT_S", 0.05)
    out = stream(writer)
    ended = False
    with out.writer.in_background(lambda: ended):
        out.write("x" * 1_000_000)
        ended = True
    out.write("this is lost, and does not block")
    os.close(reader)  # ends the thread


@pytest.fixture
def standard_streams() -> Iterator[None]:
    """Puts Python's own streams in place, as at the start of a process, and the test's streams back afterwards."""
    before = [(name, getattr(sys, name), getattr(sys, f"__{name}__")) for name in ("stdin", "stdout", "stderr")]
    copies = [os.dup(descriptor) for descriptor in (0, 1, 2)]
    yield
    for descriptor, copy in enumerate(copies):
        os.dup2(copy, descriptor)
        os.close(copy)
    for name, stream_, own in before:
        setattr(sys, name, stream_)
        setattr(sys, f"__{name}__", own)


@pytest.mark.usefixtures("standard_streams")
def test_closed_descriptors_are_opened_so_that_no_other_file_gets_their_numbers() -> None:
    for name in ("stdin", "stdout", "stderr"):  # as Python does when they are closed
        setattr(sys, name, None)
        setattr(sys, f"__{name}__", None)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    guard_streams()
    assert all(os.path.samestat(os.fstat(descriptor), Path(os.devnull).stat()) for descriptor in (0, 1, 2))
    assert sys.stdin.read() == ""
    for out in (sys.stdout, sys.stderr):
        assert isinstance(out, SafeStream)
        print("anything", file=out)
    assert terminal() is None


@pytest.mark.usefixtures("standard_streams")
def test_the_streams_of_the_process_are_guarded_and_those_of_a_program_left_alone() -> None:
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    setattr(sys, "__stdout__", sys.stdout)  # noqa: B010 - it is final to type checkers
    sys.stderr = io.StringIO()
    guard_streams()
    assert isinstance(sys.stdout, SafeStream)
    assert sys.stdout.encoding == "latin-1"
    assert isinstance(sys.stderr, io.StringIO)
    with streams.written_in_background(lambda: False):
        assert [thread.name for thread in threading.enumerate() if "output" in thread.name] == ["offhook-output-1"]
    sys.stdout = io.StringIO()
    assert terminal() is None
    assert lost_output() == ""


def test_a_stream_that_is_no_file_of_ours_may_be_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    assert terminal() is out
    assert stream_terminal(out) is out


def test_last_words_are_written_only_where_they_are_accepted(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    write_if_accepted(writer, b"now")
    assert os.read(reader, 10) == b"now"
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(65_536))
    os.set_blocking(writer, True)
    write_if_accepted(writer, b"this would block")
    os.close(writer)
    write_if_accepted(writer, b"this would raise")
