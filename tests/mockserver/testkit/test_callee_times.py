"""When something happened to a callee, asked by the code of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offhook.errors import ConfigError
from offhook_mockserver.callees.moments import MomentCode

if TYPE_CHECKING:
    from offhook_mockserver.testkit import MockHandle


@pytest.mark.offhook_virtual
def test_the_last_time_counts(offhook_mock: MockHandle) -> None:
    callee = offhook_mock.callee().answers(after_s=2).waits(1).says("tone:440,0.5").waits(1).says("tone:440,0.5")

    async def main() -> None:
        async with offhook_mock.phone() as phone, phone.dial(callee.number) as call:
            await call.answered()
            await offhook_mock.asleep(4)

    assert callee.at_s("speaks") is None
    offhook_mock.run(main())
    assert callee.at_s("speaks") == callee.at_s(MomentCode.SPEAKS) == callee.spoke_at_s == pytest.approx(2.5, abs=0.05)
    assert callee.at_s("ringing") is None
    assert callee.at_s("beeped") is None
    with pytest.raises(ConfigError, match=r"code must be one of .*, got 'spoke'"):
        callee.at_s("spoke")
