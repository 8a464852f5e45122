"""A child of the test's process, over the plain socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.patience import PATIENCE_S

from offhook_agora.child import boot
from offhook_agora.messages import PROTOCOL, Audio, Start
from offhook_agora.pipe import parent_link

if TYPE_CHECKING:
    from offhook_agora.messages import FromChild

HERE = Path(__file__).parent


class Child:
    """A child of this process, over the plain socket."""

    def __init__(self, *, main: str = boot.MAIN, parent: int | None = None, extra: tuple[int, ...] = ()) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE_S)
        command = boot.command(theirs.fileno())
        if parent is not None:
            command[-1] = str(parent)
        self.process = subprocess.Popen(
            command,
            pass_fds=(theirs.fileno(), *extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"]},
            start_new_session=True,
        )
        theirs.close()
        self.link = parent_link()
        self.lock = threading.Lock()
        self.waiting: list[FromChild | Audio] = []
        self.order = boot.order([*sys.path, str(HERE)], main)

    def say(self, *messages: Any) -> None:
        with self.lock:
            for message in messages:
                self.link.send(message)
            data = bytes(self.link.out)
            self.link.out.clear()
            self.socket.sendall(data)

    def until(self, kind: type[Any]) -> Any:
        while True:
            while self.waiting:
                message = self.waiting.pop(0)
                with self.lock:
                    self.link.taken(message.leg if isinstance(message, Audio) else 0)
                if isinstance(message, kind):
                    return message
            self.say()  # credits
            data = self.socket.recv(65_536)
            assert data, f"the child has ended: {self.output()}"
            with self.lock:
                self.waiting += self.link.feed(data)
            assert self.link.broken is None, self.link.broken

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()

    def start(self, package: Path, folder: Path, sdk: str | None = None) -> None:
        """Have it load the SDK."""
        self.socket.sendall(self.order)
        self.say(Start(PROTOCOL, str(package), str(folder), sdk))

    def close(self) -> None:
        self.socket.close()
        self.process.kill()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
