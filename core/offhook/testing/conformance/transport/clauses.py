"""The conformance kit for transports: 27 clauses, played against a far end."""

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
    """What a transport must do. A subclass gives `make` and `make_far_end`.

    Each clause runs on virtual time where the kit and the far end allow it. Numbers that are None have one default for
    virtual time and another for real time.

    Attributes:
        give_up_s: within how long a leg that cannot come back gives up, or comes back once it can; longer than the
            transport's own time for that.
        outage_s: how long an outage lasts that must be survived; longer than the transport needs to notice one, and
            shorter than its own time until it gives up.
        first_dbfs: the level that a loud first frame has at least when it is heard; a codec needs a moment.
        ending_s: how long a program may take to end.
        long_audio_s: how long audio runs in the long clause: ten minutes, or 10 s.
        cycles: how many joins and leaves there are on end: 100, or 20.
        examples: how many random orders are tried: 20, or 3.
        token_life_s: how long a token lives that is to end: 60 s, or 4 s.
        rest_s: how long audio may be on its way: 10 ms, or 250 ms; 0 for these.
        far_end: not to be set: the far end of the clause that is being run, for `make`.
        elsewhere: endpoints that `check` must refuse; by default a port of this machine at which nothing listens, and
            None, which is Agora itself, unless the far end is there. Set it if yours joins at more than one kind.
    """
