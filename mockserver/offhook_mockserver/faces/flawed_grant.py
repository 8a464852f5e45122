"""Answers to start-call whose grant or token has a flaw, for faults of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.tenants.effects import GrantFlaw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answer = dict[str, object]
    Agora = dict[str, object]

_HUGE_UID: Final = 2**32


def with_flaw(answer: Answer, agora: Agora, flaw: GrantFlaw) -> Answer:
    """The answer with a flaw.

    Args:
        answer: the right answer, without the grant.
        agora: the right grant, which belongs into the answer under ``agora``.
        flaw: the flaw.
    """
    match flaw:
        case GrantFlaw.MISSING_AGORA:
            return answer
        case GrantFlaw.AGORA_AS_TEXT:
            return {**answer, "agora": "see the field token"}
        case GrantFlaw.EXTRA_FIELDS:
            return {**answer, "requestId": "r-1", "agora": {**agora, "region": "eu", "options": {"audio": True}}}
        case _:
            return {**answer, "agora": _FIELDS[flaw](agora)}


def _without(name: str) -> Callable[[Agora], Agora]:
    return lambda agora: {key: value for key, value in agora.items() if key != name}


def _instead(name: str, value: object) -> Callable[[Agora], Agora]:
    return lambda agora: {**agora, name: value}


_FIELDS: Final[Mapping[GrantFlaw, Callable[[Agora], Agora]]] = {
    GrantFlaw.MISSING_APP_ID: _without("appId"),
    GrantFlaw.SHORT_APP_ID: _instead("appId", "0123456789abcdef"),
    GrantFlaw.MISSING_CHANNEL: _without("channelName"),
    GrantFlaw.EMPTY_CHANNEL: _instead("channelName", ""),
    GrantFlaw.MISSING_TOKEN: _without("token"),
    GrantFlaw.EMPTY_TOKEN: _instead("token", ""),
    GrantFlaw.MISSING_UID: _without("uid"),
    GrantFlaw.UID_AS_TEXT: _instead("uid", "0"),
    GrantFlaw.NEGATIVE_UID: _instead("uid", -1),
    GrantFlaw.HUGE_UID: _instead("uid", _HUGE_UID),
}
