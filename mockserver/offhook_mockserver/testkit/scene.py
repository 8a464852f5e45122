"""What the parts of a test's handle share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook_mockserver.testkit.applications import Applications
from offhook_mockserver.testkit.callees_wait import callees_wait
from offhook_mockserver.testkit.changes import Changes
from offhook_mockserver.testkit.verdicts import VerdictNotes

if TYPE_CHECKING:
    from collections.abc import Set
    from pathlib import Path

    from offhook.plugin import Plugins
    from offhook_mockserver.tenants.tenant import Tenant
    from offhook_mockserver.testkit.bridge import Bridge
    from offhook_mockserver.testkit.caller_journals import CallerJournals
    from offhook_mockserver.testkit.options import MockOptions


class Scene:
    """The tenant of one test, the way to its loop, and what the test has started.

    Args:
        tenant: the key pair of the test and everything that belongs to it.
        bridge: reaches the loop of the mock.
        options: what the test-suite chose.
        plugins: what opens audio files and specs.
        folder: the folder of the test's file, where relative paths begin; None for the working folder.
        callers: where the phones of the application write down their calls.
        allowed: what the test may leave behind, by the names of `ALLOWANCES`.

    Attributes:
        changes: wakes the waits of the test, on the mock's loop.
        applications: what the test started.
        verdicts: the answers that questions about audio got.
    """

    def __init__(
        self,
        tenant: Tenant,
        bridge: Bridge,
        *,
        options: MockOptions,
        plugins: Plugins,
        folder: Path | None,
        callers: CallerJournals,
        allowed: Set[str] = frozenset(),
    ) -> None:
        self.tenant: Tenant = tenant
        self.bridge: Bridge = bridge
        self.options: MockOptions = options
        self.plugins: Plugins = plugins
        self.folder: Path | None = folder
        self.callers: CallerJournals = callers
        self.allowed: Set[str] = allowed
        self.changes: Changes = Changes()
        self.applications: Applications = Applications(bridge, self.changes.note, lambda: callees_wait(tenant))
        self.verdicts: VerdictNotes = VerdictNotes()
