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

    CALLER = "caller"
    CALLEE = "callee"
    CARRIER = "carrier"
    NETWORK = "network"
    TIMER = "timer"


class Cause(IntEnum):
    """The cause values of ITU-T Q.850 (05/2018), table 1, that offhook uses."""

    NORMAL_CLEARING = 16
    USER_BUSY = 17
    NO_ANSWER = 19
    CALL_REJECTED = 21
    NORMAL_UNSPECIFIED = 31
    NETWORK_OUT_OF_ORDER = 38
    TEMPORARY_FAILURE = 41
    SWITCHING_CONGESTION = 42
    NOT_AUTHORIZED = 57
    TIMER_EXPIRY = 102
    PROTOCOL_ERROR = 111


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the call ended, by whom, and the Q.850 cause."""

    disposition: Disposition
    ended_by: EndedBy
    cause: Cause
