"""Settings are checked whenever they are assigned."""

from __future__ import annotations

import pytest

from offhook.errors import ConfigError
from offhook_mockserver.server import BridgeJoins, ErrorBody, TenantSettings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("token_life_s", 0.5, "whole number"),
        ("token_life_s", "5", "Write 5 without quotes"),
        ("max_call_s", -1, "0 or more"),
        ("grace_s", None, "grace_s"),
        ("bridge_joins", "anser", "[Dd]id you mean answer"),
        ("caller_leaving_ends_call", "no", "True or False"),
        ("webhook_url", "http://example.com/", "loopback"),
        ("keep_audio_s", 1e9, "keep_audio_s"),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_assigned(name: str, value: object, says: str) -> None:
    settings = TenantSettings()
    before = settings.to_json()
    with pytest.raises(ConfigError, match=says):
        setattr(settings, name, value)
    assert settings.to_json() == before
    with pytest.raises(ConfigError, match=says):
        TenantSettings(**{name: value})  # type: ignore[arg-type]


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="no setting 'token_life'; did you mean token_life_s"):
        TenantSettings().token_life = 5  # type: ignore[attr-defined]


def test_whole_floats_and_values_of_enumerations_are_accepted() -> None:
    settings = TenantSettings()
    settings.token_life_s = 30.0  # type: ignore[assignment]
    settings.bridge_joins = "ringing"
    settings.error_body = "nested"
    assert isinstance(settings.token_life_s, int)
    assert (settings.token_life_s, settings.bridge_joins, settings.error_body) == (
        30,
        BridgeJoins.RINGING,
        ErrorBody.NESTED,
    )
