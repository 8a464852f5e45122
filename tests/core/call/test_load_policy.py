"""The settings of admission by load."""

from __future__ import annotations

import pytest

from offhook import LoadPolicy, Phone
from offhook.call.load_policy import check_load_policy
from offhook.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"late_limit_ms": 0}, "late_limit_ms"),
        ({"late_limit_ms": "20"}, "late_limit_ms"),
        ({"busy_limit_percent": 101}, "busy_limit_percent"),
        ({"busy_limit_percent": 0.5}, "busy_limit_percent"),
        ({"dials_at_once": 0}, "dials_at_once"),
        ({"waiting_limit": -1}, "waiting_limit"),
        ({"wait_s": -1}, "wait_s"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LoadPolicy(**settings)  # type: ignore[arg-type]


def test_limits_can_be_left_out() -> None:
    policy = LoadPolicy(late_limit_ms=None, busy_limit_percent=None, waiting_limit=0, wait_s=0)
    assert check_load_policy(policy) is policy
    assert check_load_policy(None) is None


def test_something_else_is_refused_before_a_store_is_opened() -> None:
    with pytest.raises(ConfigError, match=r"load_policy must be a LoadPolicy, for example LoadPolicy\(wait_s=5\)"):
        Phone(load_policy=20)  # type: ignore[arg-type]
