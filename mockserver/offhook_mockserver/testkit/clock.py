"""The clock of a test's tenant, moved from the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import corrects_arguments

if TYPE_CHECKING:
    from offhook_mockserver.testkit.scene import Scene

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


@corrects_arguments()
class ClockHandle:
    """Moves the clock of one tenant: tokens, time limits and the journal follow it; audio and scripts do not."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._clock = scene.tenant.clock

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never steps back."""
        return self._scene.bridge.call(self._clock.monotonic_s)

    def wall_s(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        return self._scene.bridge.call(self._clock.wall_s)

    def advance(self, seconds: float) -> None:
        """Move the clock forward. What becomes due happens at once.

        Raises:
            ConfigError: `seconds` is not a positive number of seconds.
        """
        self._scene.bridge.call(lambda: self._clock.advance(seconds))

    def set_wall(self, wall_s: float) -> None:
        """Set the wall clock, as an administrator may. Timers do not change.

        Raises:
            ConfigError: `wall_s` is not a number of seconds since 1970.
        """
        self._scene.bridge.call(lambda: self._clock.set_wall(wall_s))
