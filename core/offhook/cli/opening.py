"""Opening what a command will say, before anybody is rung."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import SpecError
from offhook.numbers import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import AudioSource
    from offhook.phone import Phone


def open_sources(phone: Phone, specs: Sequence[str], opened: list[AudioSource]) -> None:
    """Open what `specs` name, one after the other, and add each to `opened` at once, for whoever closes them.

    A source tells its rate with its first frame, when somebody is listening already. So what would convert it must be
    there, whether it turns out to be wanted or not.

    Raises:
        ConfigError: one of them cannot be opened, or nothing could convert its rate.
    """
    for spec in specs:
        source = phone.source(spec)
        opened.append(source)
        try:
            phone.plugins.resamplers.find("live" if source.live else "file")
        except SpecError as error:
            raise SpecError(
                f"{show(spec)} could not be said at the rate of the call: {error.message}. Those of offhook are in its "
                "plugin audio: do not switch it off"
            ) from None
