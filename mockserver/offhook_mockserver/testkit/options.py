"""What a test-suite may choose about its mocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from offhook.arguments import check_seconds, check_several, check_whole
from offhook_mockserver.tenants.settings import TenantSettings, check_tenant_settings
from offhook_mockserver.tenants.tenant import DEFAULT_LINE

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class MockOptions:
    """The options of the fixture `offhook_mock`; return them from a session fixture `offhook_mock_options`.

    Attributes:
        settings: how calls behave where Sendblue's documentation does not say it.
        lines: the numbers that the application may call from.
        seed: what ids, keys, tokens and losses are drawn from, together with the name of the test.
        keep_audio_s: how much of what a callee hears and says is kept, per call, in seconds.
        timeout_s: the limit of a wait that names none, in seconds.
        environment: further settings for the application, beside those that lead it to the mock.

    Raises:
        ConfigError: one of them is of the wrong type or out of range.
    """

    settings: TenantSettings = field(default_factory=TenantSettings)
    lines: tuple[str, ...] = (DEFAULT_LINE,)
    seed: int = 0
    keep_audio_s: float = 300.0
    timeout_s: float = 30.0
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        check_tenant_settings(self.settings)
        check_several(self.lines, "lines", "a tuple of E.164 numbers")
        check_whole(self.seed, "seed", least=0, most=0xFFFFFFFF)
        check_seconds(self.keep_audio_s, "keep_audio_s", zero=True)
        check_seconds(self.timeout_s, "timeout_s")
