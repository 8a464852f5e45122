"""Acme's transport against the kit for transports, in real time. The far end is the mock's PCM door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_offhook.transport import AcmeTransport

from offhook.testing.conformance import TransportConformance
from offhook_mockserver.far_ends import PcmFarEnd

if TYPE_CHECKING:
    from offhook.interfaces import Environment


class TestAcmeTransport(TransportConformance):
    # Real time: outages are noticed and given up quickly, and waits are as short as they can be.
    outage_s = 2.2
    give_up_s = 7.0
    long_audio_s = 2.5
    rest_s = 0.1
    examples = 1

    def make(self, environment: Environment) -> AcmeTransport:
        return AcmeTransport(silence_s=1.5, give_up_s=3.5)

    def make_far_end(self) -> PcmFarEnd:
        return PcmFarEnd()
