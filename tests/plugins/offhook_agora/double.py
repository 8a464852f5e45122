"""A child that speaks the protocol without an SDK. The names of its folder and its channels say how it misbehaves."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from offhook_agora.messages import (
    PROTOCOL,
    Alive,
    Audio,
    Closed,
    Counts,
    Disconnected,
    Failed,
    Flush,
    Flushed,
    Join,
    Joined,
    Leave,
    Left,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
    Ready,
    Reason,
    Reconnected,
    Refused,
    Renew,
    RenewalRefused,
    Renewed,
    Start,
    Stop,
    TokenExpiring,
    Unusable,
)
from offhook_agora.pipe import child_link

if TYPE_CHECKING:
    import socket

    from offhook_wire.message import Message

MEMBER = 2
#: A uid that the double assigns. A leg that asks for it joins again: the channel's name has no effect then.
OURS = 7
ALIVE_S = 0.1


class Double:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.link = child_link()
        self.legs: dict[int, Join] = {}
        self.sent: dict[int, int] = {}
        self.alive = True
        self.stopped = False

    def run(self) -> int:
        number, due_s = 0, time.monotonic()
        while not self.stopped:
            ready, _, _ = select.select([self.connection], [], [], max(0.0, due_s - time.monotonic()))
            if ready:
                data = self.connection.recv(65_536)
                if not data:
                    return 0
                for message in self.link.feed(data):
                    self.handle(message)
                    self.link.taken(message.leg if isinstance(message, Audio) else 0)
                assert self.link.broken is None, self.link.broken
            if self.alive and time.monotonic() >= due_s:
                number, due_s = number + 1, time.monotonic() + ALIVE_S
                self.say(Alive(number))
            self.write()
        return 0

    def say(self, *messages: Message | Audio) -> None:
        for message in messages:
            self.link.send(message)

    def write(self) -> None:
        while self.link.out:
            del self.link.out[: self.connection.send(self.link.out)]

    def handle(self, message: object) -> None:
        match message:
            case Start():
                self.start(message)
            case Join():
                self.join(message)
            case Audio():
                self.audio(message)
            case Flush(leg):
                self.say(Flushed(leg, 0))
            case Renew(leg, number, token):
                if token.matches("forged"):
                    self.say(RenewalRefused(leg, number, Reason.TOKEN, "the token is not valid"))
                elif not token.matches("unanswered"):
                    self.say(Renewed(leg, number))
            case Leave(leg):
                if self.legs.pop(leg, None) is None or self.channel(leg) != "never-leaves":
                    self.say(Counts(leg, frames_sent=self.sent.get(leg, 0)), Left(leg))
            case Stop():
                self.stopped = True
            case _:
                raise AssertionError(message)

    def channel(self, leg: int) -> str:
        return self.legs[leg].channel if leg in self.legs else ""

    def start(self, start: Start) -> None:
        how = start.libraries.split("/")[-1]
        if how == "never-starts":
            time.sleep(60)
        if how == "exits":
            print("cannot load libagora\x1b[2J_rtc_sdk.so")
            sys.exit(3)
        if how == "unusable":
            self.say(Unusable(PROTOCOL, "symbol", "the library lacks agora_service_create"))
            self.stopped = True
            return
        if how == "old":
            self.say(Ready(PROTOCOL + 1, os.getpid()))
            return
        self.say(Ready(PROTOCOL, os.getpid(), "2.4.10"))

    def join(self, join: Join) -> None:
        leg, channel = join.leg, join.channel
        if channel.startswith("refused-") and (join.uid == OURS) == channel.endswith("-again"):
            reason = Reason(channel.removeprefix("refused-").removesuffix("-again"))
            self.say(Refused(leg, reason, f"the channel refused us: {reason}"))
            return
        if channel == "unanswered":
            return
        again = join.uid == OURS
        self.legs[leg] = join
        self.say(Joined(leg, join.uid or OURS))
        if channel == "members":
            self.members(leg, again=again)
        elif channel != "empty":
            self.say(MemberJoined(leg, MEMBER), MemberPublished(leg, MEMBER))

    def members(self, leg: int, *, again: bool) -> None:
        for uid in (6, 2, 4, 5) if again else (2, 3, 4, 5):
            self.say(MemberJoined(leg, uid))
            if uid in ((2, 5) if again else (2, 3, 4)):
                self.say(MemberPublished(leg, uid))

    def audio(self, audio: Audio) -> None:
        """Echo it; the first frame of a leg that has not joined again makes the channel's name come true."""
        leg = audio.leg
        if leg not in self.legs:
            return
        self.sent[leg] = self.sent.get(leg, 0) + 1
        self.say(Audio(leg, MEMBER, audio.position, audio.pcm))
        if self.sent[leg] == 1 and self.legs[leg].uid != OURS:
            self.misbehave(leg, self.channel(leg))

    def misbehave(self, leg: int, how: str) -> None:
        self.write()
        match how:
            case "sys.exit":
                print("going away")
                sys.exit(5)
            case "os._exit":
                os._exit(6)
            case "abort":
                os.write(2, b"pure virtual method called\n")
                os.abort()
            case "spins":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                while True:
                    pass
            case "floods":
                for _ in range(20_000):
                    with contextlib.suppress(BlockingIOError):
                        os.write(1, b"x" * 79 + b"\n")
            case "garbage":
                self.link.out.extend(b"\xff" * 64)
            case "closes":
                self.connection.close()
                time.sleep(60)
            case "mute":
                self.alive = False
            case "cut":
                self.say(Disconnected(leg), Disconnected(leg))
            case "cut and back":
                self.say(Disconnected(leg), Reconnected(leg), Reconnected(leg))
            case "expiring":
                self.say(TokenExpiring(leg))
            case "left":
                self.say(MemberUnpublished(leg, MEMBER), MemberLeft(leg, MEMBER, "quit"), MemberLeft(leg, 99, "quit"))
            case "failed":
                self.say(Failed(leg, Reason.GAVE_UP, "the SDK gave up after 20 minutes"))
            case _ if how.startswith("closed-"):
                self.legs.pop(leg)
                self.say(Closed(leg, Reason(how.removeprefix("closed-")), "the channel put us out"))
            case _:
                pass


def run(connection: socket.socket) -> int:
    return Double(connection).run()
