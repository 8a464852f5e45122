"""Tenants: a tenant is an API key pair with everything that belongs to it, so that two tests never meet.

Everything random of a tenant follows from its seed: keys and application from the seed itself, and what belongs to a
call from the seed and the number of the call. So a tenant is repeatable, whatever other tenants do.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_flag, check_instance, check_path, check_several, wrong
from offhook.errors import ConfigError
from offhook.interfaces import Ids, e164
from offhook.secret import Secret
from offhook_mockserver.tenants.changes import Changes
from offhook_mockserver.tenants.clip_folders import ClipFolders
from offhook_mockserver.tenants.clock import TenantClock
from offhook_mockserver.tenants.effects import MediaImpaired
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.tenants.faults import Faults
from offhook_mockserver.tenants.journal import Journal
from offhook_mockserver.tenants.settings import (
    TenantBounds,
    TenantSettings,
    check_tenant_bounds,
    check_tenant_settings,
)
from offhook_mockserver.tenants.shown_keys import API_SECRET, MOST_KEY, may_be_shown
from offhook_mockserver.tenants.snapshot import TenantSnapshot
from offhook_mockserver.tenants.streams import Streams
from offhook_mockserver.tenants.tenant_keys import TenantKeys
from offhook_mockserver.tenants.webhooks.dispatcher import Dispatcher
from offhook_wire.access_token import mint

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from offhook.interfaces import Clock
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.tenants.account.access_tokens import AccessToken
    from offhook_mockserver.tenants.account.account import Account
    from offhook_mockserver.tenants.call import EndedCall, MockCall
    from offhook_mockserver.tenants.clips import TenantClips
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.webhooks.webhooks import Webhooks


#: The from-number of the documentation's example.
DEFAULT_LINE: Final = "+18885550199"
#: How many ended calls a tenant keeps, the latest ones.
_REMEMBERED: Final = 1000
#: How many ended calls a tenant keeps with their callees and audio.
_KEPT: Final = 16
#: Tenants that may be made because a client shows their keys.
MOST_SHOWN: Final = 100
#: How long `end_calls` waits for callees to leave and recordings to be finished.
_END_TIMEOUT_S: Final = 0.8


@dataclass(slots=True, kw_only=True, eq=False)
class Tenant:
    """One API key pair and what belongs to it.

    Attributes:
        id: what the control API calls it: the key id, with a number behind it if that was taken.
        api_key: the key id.
        api_secret: the secret key.
        app_id: the Agora application that its channels belong to, 32 hex digits.
        certificate: that application's certificate, 32 hex digits.
        seed: everything random of the tenant follows from it.
        clock: its time.
        journal: what happened to it.
        lines: the numbers that it may call from.
        settings: how its calls behave.
        bounds: how much it may use.
        scripts: what the callees at some numbers do; for other numbers, the mock's `script_for` is asked.
        calls: its live calls, by channel.
        calls_started: how many calls it has started.
        ended: what is kept of its last 1,000 ended calls.
        kept: its last 16 ended calls with their callees, and so with what these heard and said; empty unless
            `settings.keep_audio_s` is above 0.
        removed: whether it was removed from its mock.
        is_shown: whether it was made because a client has shown its keys.
        faults: what goes wrong for it, because a test wants it.
        changes: notified of changes that the journal does not have.
        streams: the streams of events that its clients read.
        inbound_calls: how many calls have arrived at its lines.
        dispatcher: delivers its webhooks.
        clip_folders: where its clips are.
    """

    id: str = field(repr=False)
    api_key: Secret
    api_secret: Secret
    app_id: str
    certificate: Secret
    seed: str = field(repr=False)  # because the secret key follows from it
    clock: TenantClock
    journal: Journal
    lines: tuple[str, ...] = (DEFAULT_LINE,)
    settings: TenantSettings = field(default_factory=TenantSettings)
    bounds: TenantBounds = field(default_factory=TenantBounds)
    scripts: dict[str, Script] = field(default_factory=dict["str", "Script"])
    calls: dict[str, MockCall] = field(default_factory=dict["str", "MockCall"])
    calls_started: int = 0
    ended: deque[EndedCall] = field(default_factory=lambda: deque["EndedCall"](maxlen=_REMEMBERED))
    kept: deque[MockCall] = field(default_factory=lambda: deque["MockCall"](maxlen=_KEPT))
    faults: Faults = field(default_factory=Faults)
    removed: bool = False
    is_shown: bool = False
    changes: Changes = field(default_factory=Changes, repr=False)
    streams: Streams = field(default_factory=Streams, repr=False)
    inbound_calls: int = 0
    dispatcher: Dispatcher = field(default_factory=Dispatcher, repr=False)
    clip_folders: ClipFolders = field(default_factory=ClipFolders, repr=False)
    _account: Account | None = field(default=None, init=False, repr=False)
    _clips: TenantClips | None = field(default=None, init=False, repr=False)
    _webhooks: Webhooks | None = field(default=None, init=False, repr=False)

    @property
    def account(self) -> Account:
        """What its account at Sendblue holds; made when it is used for the first time."""
        return self.make_account()

    def make_account(self) -> Account:
        """Make its account if there is none, with what a new account has; returns it."""
        if self._account is None:
            from offhook_mockserver.tenants.account.account import Account  # most tests use none

            self._account = Account(self)
        return self._account

    def resume_account(self) -> None:
        """Let go on what was under way in a restored account."""
        if self._account is not None:
            self._account.resume()

    def close_account(self) -> None:
        """Let nothing more happen to its account by itself. Idempotent."""
        if self._account is not None:
            self._account.close()

    @property
    def clips(self) -> TenantClips:
        """The audio clips that a client has uploaded; made when it is used for the first time."""
        if self._clips is None:
            from offhook_mockserver.tenants.clips import TenantClips  # likewise

            self._clips = TenantClips(self.clip_folders)
        return self._clips

    def delete_clips(self) -> None:
        """Delete the uploaded clips, and accept no more. Idempotent."""
        if self._clips is not None or self.removed:
            self.clips.close()

    @property
    def webhooks(self) -> Webhooks:
        """Its webhooks: what is registered, sent and not delivered; made when they are used for the first time."""
        if self._webhooks is None:
            from offhook_mockserver.tenants.webhooks.webhooks import Webhooks  # tenants without calls use none

            self._webhooks = Webhooks(
                seed=self.seed,
                clock=self.clock,
                journal=self.journal,
                faults=self.faults,
                settings=lambda: self.settings,
                bounds=self.bounds,
                dispatcher=self.dispatcher,
            )
        return self._webhooks

    def close_webhooks(self) -> None:
        """Deliver nothing more. Idempotent."""
        if self._webhooks is not None:
            self._webhooks.close()

    def access_token(self, text: str) -> AccessToken | None:
        """The valid bearer token with this text, or None."""
        return None if self._account is None else self._account.access_tokens.find(text)

    @property
    def members(self) -> int:
        """How many members all its channels have together."""
        return sum(len(call.room.members) for call in self.calls.values())

    def ids_of_call(self) -> Ids:
        """The randomness of the next call."""
        return Ids(f"{self.seed}/call/{self.calls_started}")

    def export(self, *, with_seed: bool = False, folder: str | os.PathLike[str] | None = None) -> dict[str, Json]:
        """The tenant as an object of JSON, from which `Tenants.restore` makes one like it.

        It holds settings, bounds, lines, scripts, clock, journal and ended calls; no live calls, audio and faults. It
        may be made in a thread beside the loop of the mock.

        Args:
            with_seed: whether it holds the seed, from which the keys of the tenant follow, and the secrets of webhooks.
            folder: audio files of scripts that are in this folder are named without it.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        check_flag(with_seed, "with_seed")
        snapshot = TenantSnapshot(
            seed=self.seed if with_seed else None,
            lines=self.lines,
            settings=self.settings,
            bounds=self.bounds,
            scripts=dict(self.scripts),
            calls_started=self.calls_started,
            ahead_s=self.clock.ahead_s,
            wall_offset_s=self.clock.wall_offset_s,
            journal=self.journal.entries,
            journal_dropped=self.journal.dropped,
            ended=tuple(self.ended),
            webhooks={} if self._webhooks is None else self._webhooks.registrations.to_json(with_secrets=with_seed),
            account={} if self._account is None else self._account.to_json(with_secrets=with_seed),
        )
        return snapshot.to_json(None if folder is None else _folder(folder))


class Tenants:
    """All tenants of one mock, by their keys.

    Args:
        ids: seeds of tenants that are created without one.
        clock: the time of the mock; by default, that of the machine.
        open_to_any_keys: whether a key pair that no tenant has gets a tenant when a client shows it.
        dispatcher: delivers webhooks; by default, to this machine.
    """

    def __init__(
        self,
        ids: Ids,
        clock: Clock | None = None,
        *,
        open_to_any_keys: bool = False,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        self._ids = ids
        self._dispatcher = dispatcher or Dispatcher()
        self._clip_folders = ClipFolders()
        self._clock = clock
        self._open_to_any_keys = open_to_any_keys
        self._keys: TenantKeys[Tenant] = TenantKeys()
        #: Called with each tenant that was created or removed.
        self.on_created: Callable[[Tenant], None] = lambda tenant: None
        self.on_removed: Callable[[Tenant], None] = lambda tenant: None

    def create(
        self,
        *,
        lines: tuple[str, ...] = (DEFAULT_LINE,),
        settings: TenantSettings | None = None,
        bounds: TenantBounds | None = None,
        seed: str | int | None = None,
    ) -> Tenant:
        """A new tenant with a key pair, an app id and a certificate of its own.

        Args:
            lines: the numbers that it may call from.
            settings: how its calls behave.
            bounds: how much it may use.
            seed: everything random of the tenant follows from it; by default, it is drawn from the mock's `ids`.

        Raises:
            ConfigError: an argument is of the wrong type, a line is not an E.164 number, there is none, or another
                tenant of this mock has the same seed and so the same keys.
        """
        lines = check_lines(lines)
        if settings is not None:
            check_tenant_settings(settings)
        if bounds is not None:
            check_tenant_bounds(bounds)
        seed = self._ids.hex(32) if seed is None else _seed_text(seed)
        return self._make(lines, settings or TenantSettings(), bounds or TenantBounds(), seed)

    def _make(
        self,
        lines: tuple[str, ...],
        settings: TenantSettings,
        bounds: TenantBounds,
        seed: str,
        keys: tuple[str, str] | None = None,
    ) -> Tenant:
        tenant = self._new(lines, settings, bounds, seed, keys)
        self.adopt(tenant)
        return tenant

    def _new(
        self,
        lines: tuple[str, ...],
        settings: TenantSettings,
        bounds: TenantBounds,
        seed: str,
        keys: tuple[str, str] | None = None,
    ) -> Tenant:
        ids = Ids(seed)
        # The prefix shows a reader that these are not live keys.
        api_key, digits = f"mock_key_{ids.hex(24)}", ids.hex(32)
        api_secret = f"{API_SECRET}{digits}"
        if keys is not None:
            api_key, api_secret = keys
        else:
            self._check_key(api_key)
        clock = TenantClock(self._clock)
        journal = Journal(clock, most_entries=bounds.journal_entries, most_bytes=bounds.journal_bytes)
        clock.on_move = lambda what: journal.add(
            EntryKind.CLOCK, what, fields={"ahead_s": clock.ahead_s, "wall_offset_s": clock.wall_offset_s}
        )
        tenant = Tenant(
            id=self._keys.free_id(api_key),
            api_key=Secret(api_key),
            api_secret=Secret(api_secret),
            app_id=ids.hex(32),
            certificate=Secret(ids.hex(32)),
            seed=seed,
            clock=clock,
            journal=journal,
            lines=lines,
            settings=settings,
            bounds=bounds,
            dispatcher=self._dispatcher,
            clip_folders=self._clip_folders,
        )
        tenant.faults.on_applied = partial(_note_fault, journal)
        return tenant

    def _check_key(self, api_key: str) -> None:
        if self._keys.named(api_key) is not None:
            raise ConfigError("another tenant of this mock has the same seed: remove it, or use another seed")

    def restore(self, document: object, *, folder: str | os.PathLike[str] = ".") -> Tenant:
        """A new tenant that is like an exported one. Without the seed in the document, it has other keys.

        Args:
            document: what `Tenant.export` returned, or the same read from JSON.
            folder: the folder of the audio files that its scripts name; they may name no others.

        Raises:
            ConfigError: it is not such a document, or another tenant of this mock has the same seed.
        """
        from offhook_mockserver.callees.confines import InFolder  # few tenants are restored

        return self.create_from(TenantSnapshot.from_json(document, InFolder(_folder(folder))))

    def create_from(self, snapshot: TenantSnapshot) -> Tenant:
        """A new tenant that is like an exported one.

        Raises:
            ConfigError: another tenant of this mock has the same seed.
        """
        tenant = self.blank(snapshot)
        fill(tenant, snapshot)
        self.adopt(tenant)
        return tenant

    def blank(self, snapshot: TenantSnapshot) -> Tenant:
        """A tenant with the keys and the clock of an exported one, which clients cannot use before `fill` and `adopt`.

        Raises:
            ConfigError: another tenant of this mock has the same seed, or there is no such time.
        """
        seed = self._ids.hex(32) if snapshot.seed is None else snapshot.seed
        tenant = self._new(check_lines(snapshot.lines), snapshot.settings, snapshot.bounds, seed)
        tenant.clock.restore(snapshot.ahead_s, snapshot.wall_offset_s)
        if snapshot.account:
            tenant.make_account()  # here, because it asks for the time, and clocks of tests need their loop
        return tenant

    def adopt(self, tenant: Tenant) -> None:
        """Let clients use a tenant that `blank` returned, and let go on what was under way in it.

        Raises:
            ConfigError: another tenant has the same seed; it was made meanwhile.
        """
        self._check_key(tenant.id)
        self._keys.add(tenant)
        self.on_created(tenant)
        tenant.resume_account()

    def find(self, api_key: str, api_secret: str) -> Tenant | None:
        """The tenant of a key pair, or None; the secret is compared in constant time."""
        return self._keys.find(api_key, api_secret)

    def admit(self, api_key: str, api_secret: str) -> Tenant | None:
        """The tenant of a key pair that a client shows, or None; a mock that is open to any keys makes one.

        It makes at most 100, each with the lines, settings and bounds of the oldest tenant. Everything random of such
        a tenant follows from its keys. `why_not_admitted` says which pairs get none.
        """
        tenant = self.find(api_key, api_secret)
        if tenant is not None or self.why_not_admitted(api_key):
            return tenant
        keys = (api_key, api_secret)
        seed = f"keys {hashlib.sha256(repr(keys).encode()).hexdigest()}"
        like = next(iter(self._keys.all()), None)
        if like is None:
            tenant = self._make((DEFAULT_LINE,), TenantSettings(), TenantBounds(), seed, keys)
        else:
            tenant = self._make(like.lines, replace(like.settings), like.bounds, seed, keys)
        tenant.is_shown = True
        return tenant

    def why_not_admitted(self, api_key: str) -> str:
        """Why a key pair that no tenant has gets none, as a sentence; empty if it gets one.

        A key id that the mock has made has one secret. One that is too long, that cannot be printed, or that looks like
        a secret of a mock gets no tenant: key ids are shown.
        """
        if not self._open_to_any_keys:
            return "sb-api-key-id and sb-api-secret-key are not a key pair of this mock: use the pair that it printed"
        if any(not tenant.is_shown for tenant in self._keys.of_key(api_key)):
            return "this mock has made that sb-api-key-id itself, with another secret: use that, or another key id"
        if not may_be_shown(api_key):
            return (
                f"this mock is open to any keys, but not to this sb-api-key-id: it must be printable, have {MOST_KEY} "
                "characters at most, and must not begin as a secret of a mock"
            )
        if sum(tenant.is_shown for tenant in self._keys.all()) >= MOST_SHOWN:
            return f"this mock has made tenants of {MOST_SHOWN} key pairs, which is the limit: remove some"
        return ""

    def named(self, id: str) -> Tenant | None:
        """The tenant with an id, or None."""
        return self._keys.named(id)

    def of_key(self, api_key: str) -> Tenant | None:
        """The oldest tenant with a key id, without a check of the secret: for its journal, not for answers."""
        return next(iter(self._keys.of_key(api_key)), None)

    def of_token(self, text: str) -> tuple[Tenant, AccessToken] | None:
        """The tenant that a valid bearer token belongs to, with the token; or None."""
        for tenant in self._keys.all():
            token = tenant.access_token(text)
            if token is not None:
                return tenant, token
        return None

    def all(self) -> tuple[Tenant, ...]:
        """Every tenant, oldest first."""
        return self._keys.all()

    async def end_calls(self, tenant: Tenant) -> None:
        """End the tenant's calls: callees drop out, and recordings are finished. Bounded.

        Raises:
            ConfigError: `tenant` is not a `Tenant`.
        """
        check_tenant(tenant)
        tasks = [call.task for call in tenant.calls.values() if call.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_TIMEOUT_S)

    async def remove(self, tenant: Tenant) -> None:
        """End the tenant's calls and forget it: its keys are wrong from now on. Idempotent and bounded.

        The `Tenant` object keeps its journal and its ended calls.

        Raises:
            ConfigError: `tenant` is not a `Tenant`.
        """
        check_tenant(tenant)
        if tenant.removed:
            return
        tenant.removed = True
        tenant.faults.close()
        self._keys.remove(tenant)
        try:
            await self.end_calls(tenant)
        finally:
            tenant.faults.end_all()
            self._forget(tenant)

    def _forget(self, tenant: Tenant) -> None:
        self._keys.remove(tenant)
        tenant.removed = True
        tenant.faults.close()
        tenant.close_account()
        tenant.close_webhooks()
        tenant.journal.close()
        tenant.delete_clips()
        tenant.streams.end("the tenant was removed")
        tenant.changes.note()
        self.on_removed(tenant)


def fill(tenant: Tenant, snapshot: TenantSnapshot) -> None:
    """Make a tenant that `Tenants.blank` returned like an exported one. This may be done in a thread.

    Raises:
        ConfigError: a part of it is wrong.
    """
    tenant.scripts.update(snapshot.scripts)
    tenant.calls_started = snapshot.calls_started
    tenant.journal.restore(snapshot.journal, snapshot.journal_dropped)
    tenant.ended.extend(snapshot.ended)
    if snapshot.webhooks:
        tenant.webhooks.registrations.restore(snapshot.webhooks)
    if snapshot.account:
        tenant.account.restore(snapshot.account)


def check_lines(given: object) -> tuple[str, ...]:
    """Check the numbers that a tenant may call from, and return them.

    Raises:
        ConfigError: it is not a collection of E.164 numbers, or it is empty.
    """
    numbers = check_several(given, "lines", "a tuple of E.164 numbers")
    if not numbers:
        raise wrong("lines", "a tuple of at least one E.164 number", given)
    return tuple(e164(cast("str", number), "line") for number in numbers)


def check_tenant(given: object) -> Tenant:
    """Check an argument that must be a `Tenant`.

    Raises:
        ConfigError: it is something else.
    """
    return check_instance(given, "tenant", Tenant, "a tenant, as tenants.create() returns it")


def _note_fault(journal: Journal, fault: Fault, what: str, number: str | None, channel: str | None) -> None:
    fields: dict[str, Json] = {"fault": fault.name, "id": fault.id, "count": fault.count}
    if isinstance(fault.effect, MediaImpaired) and fault.effect.for_s is not None:
        fields["for_s"] = fault.effect.for_s
    text = f"fault {fault.id} ({fault.name}): {what}"
    journal.add(EntryKind.FAULT, text, channel=channel or "", number=number or "", fields=fields)


def _folder(folder: object) -> Path:
    return Path(check_path(folder, "folder", "scripts")).absolute()


def _seed_text(seed: object) -> str:
    """A seed as text, so that an exported tenant has the same one."""
    if isinstance(seed, bool) or not isinstance(seed, str | int):
        raise wrong("seed", "text, a whole number or None", seed)
    return str(seed)


def mint_token(tenant: Tenant, call: MockCall) -> str:
    """A token for the channel of one of the tenant's calls. It is valid for every uid, as Sendblue's tokens are."""
    return mint(
        tenant.app_id,
        tenant.certificate,
        call.channel,
        0,
        issued_s=int(tenant.clock.wall_s()),
        salt=1 + call.ids.below(99_999_999),
        expire_s=tenant.settings.token_life_s,
    )
