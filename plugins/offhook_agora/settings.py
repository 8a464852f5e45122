"""The settings of the transport, from its arguments or the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from offhook.arguments import check_whole
from offhook.errors import ConfigError
from offhook.wording import nearest_name, quoted
from offhook_agora.messages import SDK_RATES_HZ

if TYPE_CHECKING:
    from collections.abc import Mapping

PROCESS_VARIABLE: Final = "OFFHOOK_AGORA_PROCESS"
CALLS_VARIABLE: Final = "OFFHOOK_AGORA_CALLS_PER_CHILD"
SCENARIO_VARIABLE: Final = "OFFHOOK_AGORA_SCENARIO"
LEAD_VARIABLE: Final = "OFFHOOK_AGORA_LEAD_MS"
RATE_VARIABLE: Final = "OFFHOOK_AGORA_RATE_HZ"

#: The SDK's audio scenarios. Its own default, ``ai_server``, needs a far end of its kind, and Sendblue's is not known.
SCENARIOS: Final[Mapping[str, int]] = {
    "default": 0,
    "game_streaming": 3,
    "chatroom": 5,
    "chorus": 7,
    "meeting": 8,
    "ai_server": 9,
    "ai_client": 10,
}
_PROCESSES: Final = ("child", "inline")
#: The SDK holds no more than this ahead.
_MOST_LEAD_MS: Final = 200
_MOST_CALLS: Final = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """How legs are joined.

    Attributes:
        process: whether the SDK runs in a child process, or ``inline`` in this one.
        calls_per_child: how many legs share a child at most. Row A5 of docs/benchmarks.md: up to 20, audio is no later
            than with one. Half of that leaves room for the codecs of Agora's library, which the mock's has not; and the
            more legs share a child, the more are interrupted when it dies.
        scenario: the number of the SDK's audio scenario.
        lead_ms: how much audio the SDK holds ahead of what is heard.
        rate_hz: rate of the legs' audio, in both directions.
    """

    process: Literal["child", "inline"] = "child"
    calls_per_child: int = 10
    scenario: int = SCENARIOS["chorus"]
    lead_ms: int = 100
    rate_hz: int = 16_000

    def __post_init__(self) -> None:
        _one_of("process", self.process, _PROCESSES)
        check_whole(self.calls_per_child, "calls_per_child", least=1, most=_MOST_CALLS)
        check_whole(self.scenario, "scenario", least=0, most=99)
        check_whole(self.lead_ms, "lead_ms", least=0, most=_MOST_LEAD_MS, unit="milliseconds")
        _one_of("rate_hz", self.rate_hz, SDK_RATES_HZ)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in an environment.

        Raises:
            ConfigError: one of them is not valid; the message names it.
        """
        process = environment.get(PROCESS_VARIABLE) or "child"
        scenario = environment.get(SCENARIO_VARIABLE) or "chorus"
        _one_of(PROCESS_VARIABLE, process, _PROCESSES)
        _one_of(SCENARIO_VARIABLE, scenario, SCENARIOS)
        usual = cls()
        rate_hz = _whole(environment, RATE_VARIABLE, usual.rate_hz, SDK_RATES_HZ[0], SDK_RATES_HZ[-1])
        _one_of(RATE_VARIABLE, rate_hz, SDK_RATES_HZ)
        return cls(
            "inline" if process == "inline" else "child",
            _whole(environment, CALLS_VARIABLE, usual.calls_per_child, 1, _MOST_CALLS),
            SCENARIOS[scenario],
            _whole(environment, LEAD_VARIABLE, usual.lead_ms, 0, _MOST_LEAD_MS),
            rate_hz,
        )


def _whole(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise ConfigError(f"{name} must be a whole number from {least:,} to {most:,}, got {quoted(text)}")
    return int(text)


def _one_of(name: str, given: object, known: Mapping[str, int] | tuple[object, ...]) -> None:
    if given not in known:
        names = [str(item) for item in known]
        near = nearest_name(str(given), names)
        raise ConfigError(f"{name} must be one of {', '.join(names)}, got {quoted(str(given))}{near}")
