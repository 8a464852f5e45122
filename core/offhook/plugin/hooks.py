"""The hooks that decide: may this be dialled, and where does a fresh grant come from.

A plugin decides at once or gives something to await, which has `DECISION_TIMEOUT_S`. One that fails to say whether a
call may be dialled has said no; one that fails to renew a grant leaves it to the next.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

from offhook.errors import DialForbidden, GrantUnavailable, OffhookError, PluginError
from offhook.interfaces.grant import Grant
from offhook.interfaces.numbers import mask
from offhook.plugin.isolation import isolated
from offhook.plugin.report import HOOKS_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces.dialing import DialRequest
    from offhook.plugin.manager import Plugins


#: How long one plugin may take to decide.
DECISION_TIMEOUT_S: Final = 10.0


async def check_may_dial(plugins: Plugins, request: DialRequest) -> None:
    """Ask every plugin; the first that refuses is heard.

    Raises:
        DialForbidden: a plugin said no, raised, answered nonsense or did not answer in time.
    """
    for plugin, hook in plugins.observers("offhook_before_dial"):
        try:
            reason = await _decided(plugin, "offhook_before_dial", hook, request=request)
            if reason is not None and not isinstance(reason, str):
                problem = f"gave {type(reason).__name__}: give None to allow the call, or why not as text"
                raise _nonsense(plugin, "offhook_before_dial", problem)
        except OffhookError as error:
            raise DialForbidden(
                f"{mask(request.number)} was not dialled, because it could not be found out whether it may be: "
                f"{_masked(error.message, request)}"
            ) from error
        if reason is not None:
            said = _masked(reason, request)
            raise DialForbidden(f"{mask(request.number)} was not dialled: plugin {plugin!r} says {said!r}")


async def renewed_grant(plugins: Plugins, call_id: str, grant: Grant, note: Callable[[OffhookError], None]) -> Grant:
    """A fresh grant for the channel of `grant`, from the first plugin that has one.

    Args:
        plugins: who is asked, in the order of registration.
        call_id: which call.
        grant: what it is in the channel with.
        note: told what a plugin did wrong; the next one is asked all the same.

    Raises:
        GrantUnavailable: none has one.
    """
    for plugin, hook in plugins.observers("offhook_renew_grant"):
        try:
            fresh = await _decided(plugin, "offhook_renew_grant", hook, call_id=call_id, grant=grant)
            if fresh is None:
                continue
            if not isinstance(fresh, Grant):
                raise _nonsense(plugin, "offhook_renew_grant", f"gave {type(fresh).__name__}, not a Grant or None")
            if (fresh.app_id, fresh.channel) != (grant.app_id, grant.channel):
                raise _nonsense(plugin, "offhook_renew_grant", "gave a grant for another channel")
            if _ends_no_later(fresh, grant):
                problem = "gave a grant that ends no later than the one in use: give one with a new token"
                raise _nonsense(plugin, "offhook_renew_grant", problem)
        except OffhookError as error:
            note(error)
        else:
            return fresh
    raise GrantUnavailable("no plugin has a fresh grant for this call")


def _nonsense(plugin: str, hook: str, problem: str) -> PluginError:
    return PluginError(plugin, hook, problem, see=f"{HOOKS_PAGE}#{hook}")


def _masked(text: str, request: DialRequest) -> str:
    """What a plugin says ends in messages and logs, where no number stands in full."""
    return text.replace(request.number, mask(request.number))


def _ends_no_later(fresh: Grant, grant: Grant) -> bool:
    """Whether it gains no time; unknown where either does not say when it ends."""
    ends = (fresh.expires_at_s, grant.expires_at_s)
    return ends[0] is not None and ends[1] is not None and ends[0] <= ends[1]


async def _decided(plugin: str, name: str, hook: Callable[..., object], **facts: object) -> object:
    """What a hook gives, awaited if need be; bounded even where it does not listen to its cancellation.

    Raises:
        PluginError: it raised something that is not an `OffhookError`, or did not answer in time.
        OffhookError: as the plugin raised it.
    """

    async def ask() -> object:
        given = hook(**facts)
        return await given if inspect.isawaitable(given) else given

    return await isolated(plugin, name, ask, DECISION_TIMEOUT_S)
