"""The hooks of a call, each as a typed method: two that decide, and three that observe.

The rest of offhook calls these methods and does not spell the names of hooks. The loader calls registration hooks.

A plugin decides at once or returns an awaitable, which must finish within `DECISION_TIMEOUT_S`. If a plugin fails in
`before_dial`, the call is refused; if it fails in `renew_grant`, the next plugin is asked.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final, TypeAlias

from offhook.errors import DialForbidden, GrantUnavailable, OffhookError, PluginError
from offhook.interfaces.grant import Grant
from offhook.interfaces.numbers import mask, mask_these
from offhook.plugin.hook_checks import HOOKS
from offhook.plugin.isolation import as_plugin_error, isolated
from offhook.plugin.report import HOOKS_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces.dialing import DialRequest
    from offhook.plugin.loader import Loader
    from offhook.session.record import CallRecord, TimelineEntry


#: Called with an error of a plugin; the other plugins are called all the same.
Report: TypeAlias = "Callable[[OffhookError], None]"

#: How long one plugin may take to decide.
DECISION_TIMEOUT_S: Final = 10.0


class Hooks:
    """Calls the hooks of loaded plugins, in the order that hooks.md describes.

    Args:
        loader: holds the plugins.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def order(self) -> dict[str, list[str]]:
        """Returns for each hook the labels of the plugins that implement it, in the order in which they are called."""
        return {hook: [plugin for plugin, _ in self._loader.implementations(hook)] for hook in HOOKS}

    async def before_dial(self, request: DialRequest) -> None:
        """Ask every plugin whether a call may be dialled, until one refuses.

        Raises:
            DialForbidden: a plugin refused, raised, returned an invalid value or did not answer in time.
        """
        hook = "offhook_before_dial"
        for plugin, implementation in self._loader.implementations(hook):
            try:
                reason = await _decision(plugin, hook, implementation, request=request)
                if reason is not None and not isinstance(reason, str):
                    problem = f"returned {type(reason).__name__}; return None to allow the call, or text to refuse it"
                    raise _invalid(plugin, hook, problem)
            except OffhookError as error:
                raise DialForbidden(
                    f"{mask(request.number)} was not dialled, because a plugin failed to decide whether it may be: "
                    f"{_masked(error.message, request)}"
                ) from error
            if reason is not None:
                text = _masked(reason, request)
                raise DialForbidden(f"{mask(request.number)} was not dialled: plugin {plugin!r} says {text!r}")

    @property
    def can_renew(self) -> bool:
        """Whether any plugin implements `offhook_renew_grant`."""
        return bool(self._loader.implementations("offhook_renew_grant"))

    async def renew_grant(self, call_id: str, grant: Grant, report: Report) -> Grant:
        """Returns a fresh grant for the channel of `grant`, from the first plugin that has one.

        Args:
            call_id: which call.
            grant: the grant in use.
            report: called with each error of a plugin; the next plugin is asked all the same.

        Raises:
            GrantUnavailable: no plugin returned a fresh grant.
        """
        hook = "offhook_renew_grant"
        for plugin, implementation in self._loader.implementations(hook):
            try:
                fresh = await _decision(plugin, hook, implementation, call_id=call_id, grant=grant)
                if fresh is None:
                    continue
                if not isinstance(fresh, Grant):
                    raise _invalid(plugin, hook, f"returned {type(fresh).__name__}; return a Grant or None")
                if (fresh.app_id, fresh.channel) != (grant.app_id, grant.channel):
                    raise _invalid(plugin, hook, "returned a grant for another channel; keep the call's channel")
                if _expires_no_later(fresh, grant):
                    problem = "returned a grant that expires no later than the one in use; return one with a new token"
                    raise _invalid(plugin, hook, problem)
            except OffhookError as error:
                report(error)
            else:
                return fresh
        raise GrantUnavailable("no plugin returned a fresh grant for this call")

    def call_created(self, call_id: str, number: str, report: Report) -> None:
        """Notify every plugin that a call was created.

        Args:
            call_id: which call.
            number: of the callee, masked.
            report: called with each error of a plugin; the other plugins are notified all the same.
        """
        self._notify("offhook_call_created", report, call_id=call_id, number=number)

    def call_transition(self, call_id: str, entry: TimelineEntry, report: Report) -> None:
        """Notify every plugin that the call or its leg changed state; `report` as in `call_created`."""
        self._notify("offhook_call_transition", report, call_id=call_id, entry=entry)

    def call_ended(self, call_id: str, record: CallRecord, report: Report) -> None:
        """Notify every plugin that the call is over and its record final; `report` as in `call_created`."""
        self._notify("offhook_call_ended", report, call_id=call_id, record=record)

    def _notify(self, hook: str, report: Report, **facts: object) -> None:
        for plugin, implementation in self._loader.implementations(hook):
            try:
                returned = implementation(**facts)
                if inspect.iscoroutine(returned):
                    returned.close()
                    problem = "returned a coroutine; this hook is a plain function, called on the loop"
                    raise _invalid(plugin, hook, problem)
            except BaseException as error:
                report(as_plugin_error(plugin, hook, error))


async def _decision(plugin: str, hook: str, implementation: Callable[..., object], **facts: object) -> object:
    """Call an implementation, await the result if it is awaitable, and return it.

    An implementation that does not answer in time and ignores its cancellation is left behind.

    Raises:
        PluginError: the plugin raised something that is not an `OffhookError`, or did not answer in time.
        OffhookError: as the plugin raised it.
    """

    async def ask() -> object:
        returned = implementation(**facts)
        return await returned if inspect.isawaitable(returned) else returned

    return await isolated(plugin, hook, ask, DECISION_TIMEOUT_S)


def _invalid(plugin: str, hook: str, problem: str) -> PluginError:
    return PluginError(plugin, hook, problem, see=f"{HOOKS_PAGE}#{hook}")


def _masked(text: str, request: DialRequest) -> str:
    """Mask the request's numbers in a plugin's text: it ends up in messages and logs, which show no number in full."""
    return mask_these(text, request.number, request.from_number)


def _expires_no_later(fresh: Grant, grant: Grant) -> bool:
    """Whether `fresh` expires no later than `grant`; False if one of them does not say when it expires."""
    ends = (fresh.expires_at_s, grant.expires_at_s)
    return ends[0] is not None and ends[1] is not None and ends[0] <= ends[1]
