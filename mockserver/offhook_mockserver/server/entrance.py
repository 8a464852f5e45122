"""Whether the mock accepts connections: a fault of any of its tenants can refuse them, for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.tenants.fault import Fault


class Entrance:
    """Watches the faults of all tenants.

    Attributes:
        on_change: called with whether connections are refused from now on.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[bool], None] = lambda refusing: None
        self._refusing: list[Fault] = []

    @property
    def refusing(self) -> bool:
        """Whether connections are refused."""
        return bool(self._refusing)

    def fault_made(self, fault: Fault) -> None:
        """See `FaultWatcher`."""
        from offhook_mockserver.tenants.effects import ConnectionsRefused  # few mocks have faults

        if isinstance(fault.effect, ConnectionsRefused):
            self._refusing.append(fault)
            if len(self._refusing) == 1:
                self.on_change(True)

    def fault_undone(self, fault: Fault) -> None:
        """See `FaultWatcher`."""
        if fault in self._refusing:
            self._refusing.remove(fault)
            if not self._refusing:
                self.on_change(False)
