"""A plugin that decides who may be rung, and when: an allow-list and quiet hours."""

import asyncio
import datetime
import sys
from zoneinfo import ZoneInfo

from offhook import Phone, hookimpl
from offhook.errors import DialForbidden
from offhook.interfaces import DialRequest


class CarefulDialling:
    """Only numbers on the list, and none between 21:00 and 8:00 where that person lives."""

    def __init__(self, allowed: dict[str, str]) -> None:
        self._time_zones = allowed  # number → where that person lives

    @hookimpl
    def offhook_before_dial(self, request: DialRequest) -> str | None:
        if request.number not in self._time_zones:
            return "this number is not on the list"
        zone = ZoneInfo(self._time_zones[request.number])
        hour = datetime.datetime.fromtimestamp(request.wall_s, zone).hour
        return None if 8 <= hour < 21 else f"it is {hour} o'clock where they live"


async def main(number: str, time_zone: str) -> None:
    careful = CarefulDialling({"+14155550101": time_zone})
    async with Phone.from_env(plugins=[careful]) as phone:
        try:
            await phone.dry_run(number)  # everything but the ringing
            async with phone.dial(number) as call:
                await call.ended()
            print(call.record.disposition)
        except DialForbidden as refusal:
            print(refusal.message)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
