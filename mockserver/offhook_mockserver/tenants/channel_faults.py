"""Faults of grants and tokens, and of the channels that they open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from offhook.arguments import check_seconds, check_text, check_whole, corrects_arguments
from offhook.errors import ConfigError
from offhook.wording import quoted
from offhook_mockserver.tenants.effects import (
    ChannelClosed,
    ChannelMissing,
    FlawedGrant,
    FlawedToken,
    GrantFlaw,
    JoinHeld,
    Kicked,
    RenewalRefused,
    TokenFlaw,
    UidTaken,
)
from offhook_mockserver.tenants.fault_register import CallLimits, FaultRegister, named

if TYPE_CHECKING:
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.fault_register import ExchangeLimits

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


@corrects_arguments(*CallLimits.__annotations__)
class ChannelFaults(FaultRegister):
    """The faults of grants, tokens and channels."""

    # ---- grants and tokens

    def malformed_grant(self, flaw: GrantFlaw | str, **limits: Unpack[ExchangeLimits]) -> Fault:
        """The answer to a request that was carried out has a flaw. The phone rings.

        Args:
            flaw: what is wrong with it, for example ``"missing agora"`` or ``"uid as text"``; see `GrantFlaw`.
            limits: see `ExchangeLimits`.

        Raises:
            ConfigError: `flaw` is not the name of one, or a limit is of the wrong type.
        """
        found = named(flaw, "flaw", GrantFlaw)
        return self._make("malformed_grant", f"grants have the flaw {found}", FlawedGrant(flaw=found), **limits)

    def token(
        self, flaw: TokenFlaw | str | None = None, *, life_s: int | None = None, **limits: Unpack[ExchangeLimits]
    ) -> Fault:
        """Grants have a wrong token, or one with another life.

        Args:
            flaw: what is wrong with it, for example ``"expired"`` or ``"other channel"``, see `TokenFlaw`; None if it
                only has another life.
            life_s: how long it is valid, in whole seconds; by default, as long as the tenant's settings say.
            limits: see `ExchangeLimits`.

        Raises:
            ConfigError: neither `flaw` nor `life_s` is given, or an argument is of the wrong type or out of range.
        """
        found = None if flaw is None else named(flaw, "flaw", TokenFlaw)
        if life_s is not None:
            check_whole(life_s, "life_s", least=1, most=0xFFFFFFFF, unit="seconds")
        if found is None and life_s is None:
            raise ConfigError("pass a flaw, for example 'expired', or life_s: this token would be a right one")
        what = f"tokens are wrong ({found})" if found is not None else f"tokens are valid for {life_s} s"
        return self._make("token", what, FlawedToken(flaw=found, life_s=life_s), **limits)

    def renewal_refused(self, **limits: Unpack[CallLimits]) -> Fault:
        """Channels refuse fresh tokens, with Agora's reason 8 (invalid).

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        return self._make("renewal_refused", "channels refuse fresh tokens", RenewalRefused(), **limits)

    # ---- channels

    def join_never_answers(self, **limits: Unpack[CallLimits]) -> Fault:
        """Joins get no answer, before the fault is undone or the channel is closed.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        return self._make("join_never_answers", "joins get no answer", JoinHeld(), **limits)

    def kick(self, *, after_s: float = 0.0, reason: str = "kicked by the test", **limits: Unpack[CallLimits]) -> Fault:
        """Clients are removed from their channel, and receive a reason.

        Args:
            after_s: when: for a client that joins, after its join; for one that has joined, after this call.
            reason: the reason.
            limits: see `CallLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_seconds(after_s, "after_s", zero=True)
        effect = Kicked(after_s=after_s, reason=check_text(reason, "reason"))
        return self._make("kick", f"clients are removed after {after_s:g} s: {quoted(reason)}", effect, **limits)

    def duplicate_uid(self, *, after_s: float = 0.0, stays_s: float = 1.0, **limits: Unpack[CallLimits]) -> Fault:
        """Another client joins with a client's uid, which removes the first one.

        Args:
            after_s: when: for a client that joins, after its join; for one that has joined, after this call.
            stays_s: how long the other client stays in the channel.
            limits: see `CallLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_seconds(after_s, "after_s", zero=True)
        effect = UidTaken(after_s=after_s, stays_s=check_seconds(stays_s, "stays_s", zero=True))
        return self._make(
            "duplicate_uid", f"another client joins with the same uid after {after_s:g} s", effect, **limits
        )

    def channel_gone(self, *, after_s: float | None = None, **limits: Unpack[CallLimits]) -> Fault:
        """Channels are closed.

        Args:
            after_s: when: for a client that joins, after its join; for one that has joined, after this call; None to
                close the channels of calls that begin from now on before anyone joins them.
            limits: see `CallLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        if after_s is None:
            return self._make("channel_gone", "channels are closed before anyone joins", ChannelMissing(), **limits)
        effect = ChannelClosed(after_s=check_seconds(after_s, "after_s", zero=True))
        return self._make("channel_gone", f"channels are closed after {after_s:g} s", effect, **limits)
