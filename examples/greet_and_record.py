import asyncio

from offhook import Phone


async def main() -> None:
    async with Phone.from_env() as phone:
        greeting = phone.source("wav:greeting.wav")  # opened here: a missing file raises before anything rings
        reply = phone.sink("recorder:reply-*.wav")  # the first number that is free
        async with phone.dial("+14155550123") as call:
            if await call.answered():
                await call.play(greeting).done()
                await call.record_for(5, reply)
        print(call.record.disposition)


asyncio.run(main())
