"""Stands in for upstream's Python layer, in a process of the tests: its modules, and a library that tests control.

Like upstream's, it turns off urllib's checking of certificates, prints, and logs tokens at DEBUG.
"""

from __future__ import annotations

import logging
import ssl
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ssl._create_default_https_context = ssl._create_unverified_context  # type: ignore[assignment]
print("the stand-in is imported")


class Library:
    """What tests control.

    Attributes:
        calls: the calls so far, each with the name of its thread.
        results: what calls return instead of 0.
        hanging: calls that wait for the event first.
        running: calls that are running.
        connections: those that were made.
        refused_app_id: the service does not initialise with it.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.results: dict[str, int] = {}
        self.hanging: dict[str, threading.Event] = {}
        self.running: set[str] = set()
        self.connections: list[object] = []
        self.refused_app_id = "refused"
        self.called = threading.Condition()
        self.on_call: Callable[[str], None] | None = None

    def call(self, name: str) -> int:
        print("the stand-in is called:", name)
        logging.getLogger("agora.rtc.stand_in").error("token %s", "007-secret")
        with self.called:
            self.calls.append((name, threading.current_thread().name))
            self.running.add(name)
            self.called.notify_all()
        if name in self.hanging:
            self.hanging[name].wait(60)
        if self.on_call is not None:
            self.on_call(name)
        self.running.discard(name)
        if name in self.results and self.results[name] == 999:
            raise AttributeError(name)
        return self.results.get(name, 0)


agora_lib = Library()
