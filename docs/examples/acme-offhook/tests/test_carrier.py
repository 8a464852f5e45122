"""Acme's carrier against the kit for carriers. The far end is Sendblue's API as offhook's mock has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_offhook.carrier import AcmeCarrier

from offhook.interfaces import Environment
from offhook.testing.conformance import CarrierConformance
from offhook_mockserver.far_ends import SendblueFarEnd

if TYPE_CHECKING:
    from offhook.interfaces import Auth
    from offhook.testing import ServiceFarEnd


class TestAcmeCarrier(CarrierConformance):
    def make(self, environment: Environment, auth: Auth) -> AcmeCarrier:
        ours = {
            "ACME_API_URL": environment["SENDBLUE_API_BASE_URL"],
            "ACME_FROM_NUMBER": environment["OFFHOOK_FROM_NUMBER"],
        }
        settings = Environment(ours, clock=environment.clock, ids=environment.ids, http=environment.http)
        return AcmeCarrier(settings, auth)

    def make_far_end(self) -> ServiceFarEnd:
        return SendblueFarEnd()
