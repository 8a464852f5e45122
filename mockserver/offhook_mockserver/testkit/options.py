"""What a test-suite may choose about its mocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_instance, check_seconds, check_settings, check_whole
from offhook_mockserver.tenants.settings import TenantSettings, check_keep_audio, check_tenant_settings
from offhook_mockserver.tenants.tenant import DEFAULT_LINE, check_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MockOptions:
    """The options of the fixture `offhook_mock`; return them from a session fixture `offhook_mock_options`.

    Attributes:
        settings: how calls behave where Sendblue's documentation does not say it.
        lines: the numbers that the application may call from.
        seed: what ids, keys, tokens and losses are drawn from, together with the name of the test.
        keep_audio_s: how much sound of what a callee hears and says is kept, per call and direction, in seconds;
            silence does not count. ``@pytest.mark.offhook(keep_audio_s=...)`` sets it for one test.
        timeout_s: the limit of a wait that names none, in seconds.
        ending_s: how long the applications that a test started may take to end when it has passed, in seconds of
            virtual time; in real time, 5 s at most.
        environment: further settings for the application, beside those that lead it to the mock.

    Raises:
        ConfigError: one of them is of the wrong type or out of range.
    """

    settings: TenantSettings = field(default_factory=TenantSettings)
    lines: tuple[str, ...] = (DEFAULT_LINE,)
    seed: int = 0
    keep_audio_s: float = 300.0
    timeout_s: float = 30.0
    ending_s: float = 120.0
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        check_tenant_settings(self.settings)
        object.__setattr__(self, "lines", check_lines(self.lines))
        check_whole(self.seed, "seed", least=0, most=0xFFFFFFFF)
        check_keep_audio(self.keep_audio_s)
        check_seconds(self.timeout_s, "timeout_s")
        check_seconds(self.ending_s, "ending_s", zero=True)
        check_settings(self.environment, "environment")


def check_options(given: object, name: str) -> MockOptions:
    """Check an argument that must be `MockOptions`.

    Raises:
        ConfigError: it is something else.
    """
    return check_instance(given, name, MockOptions, "MockOptions(...)")
