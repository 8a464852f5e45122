"""One tenant's account at Sendblue: each kind of thing in it is a small class of its own, without HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_whole
from offhook.interfaces import Ids
from offhook_mockserver.tenants.account.access_tokens import AccessTokens
from offhook_mockserver.tenants.account.activity import Activity
from offhook_mockserver.tenants.account.contacts import Contacts
from offhook_mockserver.tenants.account.events import AccountEvents
from offhook_mockserver.tenants.account.lines import Lines
from offhook_mockserver.tenants.account.media_objects import MediaObjects
from offhook_mockserver.tenants.account.messages import Messages
from offhook_mockserver.tenants.account.rate_limit import RateLimit
from offhook_mockserver.tenants.account.recipients import Recipients
from offhook_mockserver.tenants.account.seats import Seats
from offhook_mockserver.tenants.account.totp import TotpSecrets
from offhook_mockserver.tenants.account.verified_contacts import VerifiedContacts
from offhook_mockserver.tenants.settings import known

if TYPE_CHECKING:
    from offhook_mockserver.tenants.account.message import Message
    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.entry import Json


#: The parts of an exported account that are lists or objects of their own, and those that count what they made.
_PARTS: Final = ("activity", "lines", "recipients", "verified_contacts")
_COUNTED: Final = ("contacts", "media", "messages", "seats")
_TOTP: Final = "totp"
#: Lists of messages in 10 s, as the SDK says.
_LISTS: Final = 100
_LISTS_WITHIN_S: Final = 10.0


class Account:
    """What one tenant's account holds.

    Args:
        owner: the tenant.

    Attributes:
        email: the address of the account.
        access_tokens: the temporary bearer tokens.
        events: what happens to it, for clients that follow it live.
        lines: the state of its lines.
        recipients: what is known of the other sides of messages.
        activity: who is known on which line.
        contacts: its contacts.
        messages: its messages.
        message_lists: how often its messages may be listed, if limits are enforced.
        media: its media objects.
        totp: its secrets for one-time passwords.
        verified_contacts: the contacts of its shared line.
        seats: its seats.
    """

    def __init__(self, owner: AccountOwner) -> None:
        email = f"account-{Ids(f'{owner.seed}/account').hex(8)}@example.com"
        self.email: str = email
        self.access_tokens: AccessTokens = AccessTokens(owner.seed, owner.clock)
        self.events: AccountEvents = AccountEvents(owner.clock)
        self.lines: Lines = Lines(owner, email, self.events)
        self.recipients: Recipients = Recipients(owner.bounds)
        self.activity: Activity = Activity(owner)
        self.contacts: Contacts = Contacts(owner, email, self.events, self.recipients)
        self.messages: Messages = Messages(
            owner, email, self.events, self.lines, self.recipients, self.activity, self._met
        )
        self.message_lists: RateLimit = RateLimit(owner.clock, _LISTS, _LISTS_WITHIN_S)
        self.media: MediaObjects = MediaObjects(owner)
        self.totp: TotpSecrets = TotpSecrets(owner)
        self.verified_contacts: VerifiedContacts = VerifiedContacts(owner, self.lines)
        self.seats: Seats = Seats(owner, email)

    def resume(self) -> None:
        """Let go on what was under way in the account that was restored."""
        self.messages.resume()

    def close(self) -> None:
        """Let nothing more happen by itself: the tenant was removed. Idempotent."""
        self.messages.close()

    def to_json(self, *, with_secrets: bool) -> dict[str, Json]:
        """What the account holds as an object of JSON, without bearer tokens and events.

        Args:
            with_secrets: whether it holds the secrets for one-time passwords.
        """
        parts = {name: getattr(self, name).to_json() for name in (*_PARTS, *_COUNTED)}
        return {**parts, _TOTP: self.totp.to_json()} if with_secrets else parts

    def restore(self, document: object) -> None:
        """Take what `to_json` returned.

        Raises:
            ConfigError: it is not such an object; the message names the part that is wrong.
        """
        parts = known(document, {*_PARTS, *_COUNTED, _TOTP}, "the account")
        for name in _PARTS:
            if name in parts:
                getattr(self, name).restore(parts[name])
        for name in (*_COUNTED, _TOTP):
            if name in parts:
                counted = known(parts[name], {"made", "items"}, f"{name} of the account")
                made = check_whole(counted.get("made"), f"made of {name} of the document", least=0)
                getattr(self, name).restore(made, counted.get("items", ()))

    def _met(self, message: Message) -> None:
        inbound = not message.is_outbound
        if inbound:
            self.verified_contacts.heard(message.number, message.line)
        self.contacts.met(message.number, message.line, inbound=inbound)
