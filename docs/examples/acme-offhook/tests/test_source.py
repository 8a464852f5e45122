"""Morse code against the kit for sources."""

from __future__ import annotations

from acme_offhook.source import MorseSource

from offhook.testing.conformance import SourceConformance


class TestMorse(SourceConformance):
    argument = "SOS sos"
    wrong_arguments = ("", " ", "S*S", "S" * 201)

    def make(self, argument: str) -> MorseSource:
        return MorseSource(argument)
