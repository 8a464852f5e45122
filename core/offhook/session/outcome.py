"""How a call ended, as values. An outcome is never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Disposition(StrEnum):
    """What became of the call.

    Declined, busy and unreachable cannot be seen on Sendblue's channel: without a webhook that says so they are
    `NO_ANSWER`.
    """

    #: It was answered, and ended because one side hung up or its time limit was reached.
    COMPLETED = "completed"
    #: It was not answered, for an unknown reason.
    NO_ANSWER = "no_answer"
    #: The caller hung up before an answer.
    CANCELED = "canceled"
    #: The callee declined, on the evidence of a webhook.
    DECLINED = "declined"
    #: The callee was busy, on the evidence of a webhook.
    BUSY = "busy"
    #: Something broke: a refusal, the channel, the network, a plugin. The record shows how far the call got.
    FAILED = "failed"


class EndedBy(StrEnum):
    """Who or what ended the call."""

    #: Our side: the program hung up, or left the call.
    CALLER = "caller"
    #: The other side hung up, declined or did not answer.
    CALLEE = "callee"
    #: The carrier refused the call.
    CARRIER = "carrier"
    #: The connection was lost.
    NETWORK = "network"
    #: A timer of the call ran out.
    TIMER = "timer"


class Cause(IntEnum):
    """The cause values of ITU-T Q.850 (05/2018), table 1, that offhook uses."""

    #: One side hung up.
    NORMAL_CLEARING = 16
    #: The callee was in another call.
    USER_BUSY = 17
    #: The callee was rung and did not answer.
    NO_ANSWER = 19
    #: The callee declined, or the carrier refused the call.
    CALL_REJECTED = 21
    #: It ended normally, and nothing more is known.
    NORMAL_UNSPECIFIED = 31
    #: The connection was lost, and did not come back.
    NETWORK_OUT_OF_ORDER = 38
    #: Something failed that may work the next time.
    TEMPORARY_FAILURE = 41
    #: The carrier takes no more calls at the moment.
    SWITCHING_CONGESTION = 42
    #: Keys or token were rejected, or the token expired.
    NOT_AUTHORIZED = 57
    #: A timer of the call ran out.
    TIMER_EXPIRY = 102
    #: The other side broke the protocol.
    PROTOCOL_ERROR = 111


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the call ended, by whom, and the Q.850 cause."""

    disposition: Disposition
    ended_by: EndedBy
    cause: Cause
