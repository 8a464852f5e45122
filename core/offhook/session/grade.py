"""How good the evidence for a fact is."""

from __future__ import annotations

from enum import Enum


class Grade(Enum):
    """How good the evidence for a state is."""

    #: The service's documentation says that it means this.
    DOCUMENTED = "documented"
    #: We see it ourselves: our own socket, our own timer, our own request.
    OBSERVED = "observed"
    #: Not known outside the service; we take it to mean this.
    ASSUMED = "assumed"
