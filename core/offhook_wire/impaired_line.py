"""A line with several impairments, one behind the other: each fault of a test adds its own, and takes it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_wire.impairment import Impairment


class ImpairedLine:
    """One direction of a network, with at least one impairment.

    Args:
        impairments: in the order in which a datagram passes them.
    """

    def __init__(self, *impairments: Impairment) -> None:
        self.impairments: tuple[Impairment, ...] = impairments

    def carry(self, data: bytes, deliver: Callable[[], None], *, audio: bool | None = None) -> bool:
        """Take a datagram, see `Impairment.carry`.

        Returns:
            False if it is lost already, else True.
        """
        return self._pass(self.impairments, data, deliver, audio)

    def _pass(
        self, impairments: tuple[Impairment, ...], data: bytes, deliver: Callable[[], None], audio: bool | None
    ) -> bool:
        first, *others = impairments
        if not others:
            return first.carry(data, deliver, audio=audio)
        rest = tuple(others)
        passed = True

        def go_on() -> None:
            nonlocal passed
            passed = self._pass(rest, data, deliver, audio)

        return first.carry(data, go_on, audio=audio) and passed
