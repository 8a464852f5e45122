"""A child process as the operating system sees it: started by a thread that lives as long as it, with its output.

On Linux the child dies with its parent by a signal that follows the thread which started it, so this thread waits for
the end of the child. The child is in a session of its own: a ctrl-C in the terminal is for the program, which then
leaves its channels in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

from offhook.secret import redact
from offhook.wording import describe, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

_log: Final = logging.getLogger("offhook.agora")

#: The last bytes of the output that are kept to explain the end of the child.
_TAIL_BYTES: Final = 4096
#: What is shown of them in a message.
_SHOWN: Final = 300
#: At most this much output is read at once, and then not before `_PAUSE_S`: a child that floods its output costs no
#: more than that, and loses what does not fit into the pipe.
_READ_BYTES: Final = 65_536
_PAUSE_S: Final = 0.1
#: How often it is looked whether the loop is closed, so that the child has no one to work for.
_LOOK_S: Final = 0.5
#: The status of a process that could not be started, as shells have it.
_NEVER_STARTED: Final = 127


class Output:
    """The output of a child: logged by line at DEBUG, and its last bytes kept.

    Args:
        descriptor: the end of the pipe to read; closed by `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._tail = bytearray()
        self._line = b""
        self._timer: asyncio.TimerHandle | None = None
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def last(self) -> str:
        """The end of the output as one line without secrets and control characters; empty if there was none."""
        self._read()
        text = self._tail.decode("utf-8", "backslashreplace")
        lines = [line for line in redact(text).splitlines() if line.strip()]
        return printable(" / ".join(line.strip() for line in lines))[-_SHOWN:]

    def close(self) -> None:
        """Stop reading. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        if self._descriptor < 0:
            return
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._tail += data
        del self._tail[:-_TAIL_BYTES]
        if _log.isEnabledFor(logging.DEBUG):
            self._log(data)
        if len(data) == _READ_BYTES and self._timer is None:
            self._loop.remove_reader(self._descriptor)
            self._timer = self._loop.call_later(_PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._loop.add_reader(self._descriptor, self._read)

    def _log(self, data: bytes) -> None:
        *lines, self._line = (self._line + data[-_TAIL_BYTES:]).split(b"\n")
        self._line = self._line[-_TAIL_BYTES:]
        for line in lines:
            _log.debug("the child process wrote: %s", printable(redact(line.decode("utf-8", "backslashreplace"))))


class Process:
    """A running child; `start` makes it.

    Attributes:
        pid: its process id; 0 until it has started.
        ended: done when it has ended, with its exit status as `subprocess` counts it, also if it never started.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.pid: int = 0
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._process: subprocess.Popen[bytes] | None = None
        self._launched = False
        self._unwanted = False

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._launched and not self.ended.done()

    async def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        passed: int,
        output: int,
        abandoned: Callable[[], None],
    ) -> None:
        """Start it. When this is cancelled, the process is killed as soon as it runs.

        Args:
            arguments: the command.
            environment: the whole environment of the child.
            passed: a descriptor that the child inherits under the same number; closed here once it is started.
            output: the end of a pipe that becomes its standard output and error; closed likewise.
            abandoned: called on another thread if the loop is closed while the process runs, which is killed then.

        Raises:
            OSError: it cannot be started.
        """
        self._launched = True
        run = threading.Thread(
            target=self._run,
            args=(arguments, environment, passed, output, abandoned),
            name="offhook agora child",
            daemon=True,
        )
        try:
            run.start()
        except BaseException:
            _close(passed, output)
            self.ended.cancel()
            raise
        try:
            await self._started
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill it, whatever it is doing. Idempotent."""
        self._unwanted = True
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)

    # On the thread

    def _run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        passed: int,
        output: int,
        abandoned: Callable[[], None],
    ) -> None:
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                pass_fds=(passed,),
                start_new_session=True,
            )
        except Exception as error:
            known = error if isinstance(error, OSError) else OSError(describe(error))
            self._tell(_fail, self._started, known.with_traceback(None))
            self._tell(_finish, self.ended, _NEVER_STARTED)
            return
        finally:
            _close(passed, output)
        self._process = process
        self.pid = process.pid
        if self._unwanted:
            process.send_signal(signal.SIGKILL)
        self._tell(_finish, self._started, None)
        with _Watch(process) as watch:
            while not watch.ends_within(_LOOK_S):
                if self._loop.is_closed():  # the program ended the loop without closing its phone, and lives on
                    process.kill()
                    process.wait()
                    abandoned()
                    return
        self._tell(_finish, self.ended, process.wait())

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: no one waits any more
            self._unwanted = True
            self.kill()


class _Watch:
    """Waits for the end of a process, with time limits: by a descriptor of it, where the system has such a thing."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._descriptor = -1
        self._poll = select.poll()
        if sys.platform == "linux" and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # no descriptor is left, or the kernel is old
                self._descriptor = os.pidfd_open(process.pid)
                self._poll.register(self._descriptor, select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def ends_within(self, timeout_s: float) -> bool:
        """Whether the process has ended, or ends within this time."""
        if self._descriptor >= 0:
            return bool(self._poll.poll(timeout_s * 1000))
        try:
            self._process.wait(timeout_s)  # which looks every 50 ms
        except subprocess.TimeoutExpired:
            return False
        return True


def _finish(future: asyncio.Future[object], result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[object], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def describe_status(status: int) -> str:
    """How a process ended, as part of a sentence: ``was killed by SIGKILL``, ``exited with status 1``."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
