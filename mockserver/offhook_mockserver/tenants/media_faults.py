"""Faults of media: a bad network between callers and their channels, or none for a while."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Unpack

from offhook.arguments import check_flag, check_number, check_seconds, check_whole, corrects_arguments
from offhook.errors import ConfigError
from offhook.interfaces import Ids
from offhook_mockserver.tenants.effects import MediaDirection, MediaImpaired
from offhook_mockserver.tenants.fault_register import CallLimits, FaultRegister, named
from offhook_wire.impairment import Impairment

if TYPE_CHECKING:
    from offhook_mockserver.tenants.fault import Fault

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


#: What is under way is in memory.
_MOST_DELAY_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BadNetwork:
    """What is bad about a network in one direction, with the names of `Impairment`; by default, nothing."""

    loss: float = 0.0
    burst: int = 1
    duplicate: float = 0.0
    reorder: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate_cap_bps: int = 0
    frozen: bool = False
    muted: bool = False
    cut: bool = False

    @property
    def problems(self) -> dict[str, float | int | bool]:
        """What differs from a good network, by name; empty if nothing does."""
        given: dict[str, float | int | bool] = asdict(self)
        found = {name: value for name, value in given.items() if value}
        return found if found.keys() - {"burst"} else {}

    def impairment(self, seed: str) -> Impairment:
        """An impairment that makes a network as bad as this."""
        made = Impairment(seed)
        for name, value in self.problems.items():
            setattr(made, name, value)
        return made


@corrects_arguments(*CallLimits.__annotations__)
class MediaFaults(FaultRegister):
    """The faults of media. They add up."""

    # ---- media

    def media(
        self,
        direction: MediaDirection | str = MediaDirection.BOTH,
        *,
        loss: float = 0.0,
        burst: int = 1,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay_s: float = 0.0,
        jitter_s: float = 0.0,
        rate_cap_bps: int | None = None,
        frozen: bool = False,
        muted: bool = False,
        for_s: float | None = None,
        seed: str | int | None = None,
        **limits: Unpack[CallLimits],
    ) -> Fault:
        """The network between the caller and the channel is bad, for callers that are there and those that join.

        At the door of WebRTC it is the datagrams that suffer, encrypted, with the reports and checks among them, as on
        a real network. At the other doors it is frames of PCM, of which late ones are dropped, as behind a jitter
        buffer.

        Args:
            direction: whose audio suffers: that ``"to_caller"``, ``"to_callee"`` or ``"both"``.
            loss: the share that is lost, from 0 to 1.
            burst: how many in a row are lost together; `loss` remains the share of all.
            duplicate: the share that arrives twice, from 0 to 1.
            reorder: the share that is overtaken by the next ones, from 0 to 1.
            delay_s: how much later all arrives; at most 60 s.
            jitter_s: each is delayed by up to this much more; at most 60 s.
            rate_cap_bps: how many bits pass in a second; what waits longer than a second for that is lost.
            frozen: nothing passes for now; it all arrives at once when the fault is undone.
            muted: audio is lost, and the connection stays up: one-way audio, if in one direction.
            for_s: how long this lasts, from the first caller that it affects; None until it is undone.
            seed: of all random decisions; by default, the fault's id.
            limits: see `CallLimits`; `times` limits how many callers are affected.

        Raises:
            ConfigError: an argument is of the wrong type or out of range, or none says what is bad.
        """
        found = named(direction, "direction", MediaDirection)
        network = BadNetwork(
            loss=check_number(loss, "loss", least=0, most=1),
            burst=check_whole(burst, "burst", least=1),
            duplicate=check_number(duplicate, "duplicate", least=0, most=1),
            reorder=check_number(reorder, "reorder", least=0, most=1),
            delay_s=check_number(delay_s, "delay_s", least=0, most=_MOST_DELAY_S, unit="seconds"),
            jitter_s=check_number(jitter_s, "jitter_s", least=0, most=_MOST_DELAY_S, unit="seconds"),
            rate_cap_bps=0 if rate_cap_bps is None else check_whole(rate_cap_bps, "rate_cap_bps", least=1),
            frozen=check_flag(frozen, "frozen"),
            muted=check_flag(muted, "muted"),
        )
        if not network.problems:
            names = ", ".join(name for name in asdict(network) if name not in {"burst", "cut"})
            raise ConfigError(f"this network would be good: pass at least one of {names}")
        what = f"media {found}: " + ", ".join(f"{name} {value}" for name, value in network.problems.items())
        return self._make("media", what, _impaired(found, network, for_s, seed), **limits)

    def blackout(self, *, for_s: float | None = None, **limits: Unpack[CallLimits]) -> Fault:
        """Nothing passes between callers and channels; joins get no answer meanwhile.

        Args:
            for_s: how long it lasts, from the first caller that it affects; None until it is undone.
            limits: see `CallLimits`; `times` limits how many callers are affected.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        effect = _impaired(MediaDirection.BOTH, BadNetwork(cut=True), for_s, None)
        what = "blackout" + ("" if for_s is None else f" of {for_s:g} s")
        return self._make("blackout", what, effect, **limits)


def _impaired(
    direction: MediaDirection, network: BadNetwork, for_s: float | None, seed: str | int | None
) -> MediaImpaired:
    if for_s is not None:
        check_seconds(for_s, "for_s")
    Ids(seed)  # which checks it
    return MediaImpaired(direction=direction, make=network.impairment, seed=seed, for_s=for_s, cut=network.cut)
