"""The conformance kit for transports: 33 clauses, run against a far end."""

from __future__ import annotations

from offhook.testing.conformance.transport.audio import AudioClauses
from offhook.testing.conformance.transport.joining import JoiningClauses
from offhook.testing.conformance.transport.kit import CAPABILITIES
from offhook.testing.conformance.transport.life import LifeClauses
from offhook.testing.conformance.transport.members import MemberClauses
from offhook.testing.conformance.transport.outages import OutageClauses
from offhook.testing.conformance.transport.random import RandomClauses

__all__ = ["CAPABILITIES", "TransportConformance"]


class TransportConformance(JoiningClauses, AudioClauses, MemberClauses, OutageClauses, LifeClauses, RandomClauses):
    """What a transport must do. A subclass implements `make` and `make_far_end`.

    Each clause runs on virtual time where the kit and the far end allow it. Numbers that are None have one default for
    virtual time and another for real time.

    Attributes:
        give_up_s: the time limit of a leg after its network was cut: to come back, or to give up if the network stays
            cut. It must be longer than the transport's own limit.
        outage_s: the length of an outage that a leg must survive. It must be longer than the transport needs to notice
            an outage, and shorter than the transport's own limit for giving up.
        first_dbfs: the least level at which a loud first or last frame must be heard; a codec needs a moment to settle.
        most_delay_s: how long audio and events may take from one end to the other, in real time. On virtual time audio
            may take 5 ms.
        late_audio_s: how much of the audio that was sent during an outage may be heard after it.
        ending_s: how long a program may take to end.
        long_audio_s: how long audio runs in the long clause: ten minutes, or 10 s.
        cycles: the number of joins and leaves in a row: 100, or 20.
        examples: the number of random orders: 20, or 3.
        token_life_s: how long a token lives in the clause about expiry: 60 s, or 4 s.
        rest_s: how long audio may be on its way; 0, the default, means 10 ms on virtual time and 250 ms in real time.
        far_end: the far end of the clause that is running, for `make`; set by the kit.
        elsewhere: endpoints that `check` must reject. By default these are a port of this machine on which nothing
            listens, and None, which means Agora itself; None is left out if it is the far end's endpoint. Set this
            attribute if your transport joins at more than one kind of endpoint.
    """
