"""The registered webhooks of an account, by the type of event that each wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_several, check_text, wrong
from offhook.errors import ConfigError
from offhook.secret import Secret
from offhook_mockserver.tenants.webhook_types import WebhookType, check_webhook_type
from offhook_mockserver.tenants.webhooks.targets import without_user

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from offhook_mockserver.tenants.entry import Json

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: Webhooks of one type that an account may have.
MOST_HOOKS: Final = 100
#: The longest secret; it is sent as a header.
MOST_SECRET: Final = 256


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook.

    Attributes:
        url: where its events are posted.
        secret: what each post shows in the header ``sb-signing-secret``; None for that of the account.
        lines: for inbound messages, the lines whose messages it wants; empty for all.
        as_text: whether it was registered as the text of its URL, and is listed so.
    """

    url: str
    secret: Secret | None = None
    lines: tuple[str, ...] = ()
    as_text: bool = False

    def to_json(self, *, with_secret: bool = True) -> Json:
        """The webhook as the API lists it; `with_secret` says whether with its secret, and a name in its URL."""
        url = self.url if with_secret else without_user(self.url)
        if self.as_text:
            return url
        listed: dict[str, Json] = {"url": url}
        if self.secret is not None and with_secret:
            listed["secret"] = self.secret.reveal()
        if self.lines:
            listed["sendblue_numbers"] = list(self.lines)
        return listed

    @classmethod
    def from_json(cls, given: object) -> Hook:
        """The webhook that `to_json` returned, or that a request has.

        Raises:
            ConfigError: it is neither a URL nor an object with one.
        """
        if isinstance(given, str):
            return cls(given, as_text=True)
        if not isinstance(given, dict):
            raise wrong("a webhook", "a URL, or an object with one", given)
        parts = cast("Mapping[str, object]", given)
        secret = parts.get("secret")
        return cls(
            check_text(parts.get("url"), "url of a webhook"),
            None if secret is None else webhook_secret(secret),
            tuple(check_text(line, "a line") for line in check_several(parts.get("sendblue_numbers", ()), "lines", "")),
        )


def webhook_secret(given: object, name: str = "secret") -> Secret:
    """Check the secret of a webhook. The message does not show it.

    Raises:
        ConfigError: it is not text of 1 to 256 printable ASCII characters without blanks at its ends.
    """
    text = given.reveal() if isinstance(given, Secret) else given
    if not isinstance(text, str):
        raise ConfigError(f"{name} must be text, got {type(text).__name__}")
    if not (0 < len(text) <= MOST_SECRET and text.isascii() and text.isprintable() and text == text.strip()):
        raise ConfigError(
            f"{name} must be text of 1 to {MOST_SECRET} printable ASCII characters without blanks at its ends: it is "
            "sent as a header"
        )
    return Secret(text)


class Hooks:
    """The webhooks of one account.

    Attributes:
        global_secret: the secret of the webhooks that have none of their own, or None.
    """

    def __init__(self) -> None:
        self._by_type: dict[WebhookType, list[Hook]] = {}
        self.global_secret: Secret | None = None

    def __len__(self) -> int:
        return sum(map(len, self._by_type.values()))

    def of(self, type: WebhookType | str) -> tuple[Hook, ...]:
        """The webhooks of a type, in the order in which they were added.

        Raises:
            ConfigError: the type is unknown.
        """
        return tuple(self._by_type.get(check_webhook_type(type), ()))

    def add(self, type: WebhookType | str, hooks: Iterable[Hook]) -> None:
        """Add webhooks. One with the URL of another of this type replaces that one.

        Raises:
            ConfigError: the type is unknown, or there would be too many.
        """
        type = check_webhook_type(type)
        merged = {hook.url: hook for hook in self._by_type.get(type, ())}
        merged |= {hook.url: hook for hook in hooks}
        self._set(type, list(merged.values()))

    def replace(self, hooks: Mapping[WebhookType, Iterable[Hook]]) -> None:
        """Have these webhooks and no others.

        Raises:
            ConfigError: there are too many of a type. Nothing was changed then.
        """
        before, self._by_type = self._by_type, {}
        try:
            for type, wanted in hooks.items():
                self.add(type, wanted)
        except ConfigError:
            self._by_type = before
            raise

    def remove(self, type: WebhookType | str, urls: Collection[str]) -> int:
        """Remove the webhooks with these URLs, and return how many there were.

        Raises:
            ConfigError: the type is unknown.
        """
        type = check_webhook_type(type)
        before = self._by_type.get(type, [])
        self._set(type, [hook for hook in before if hook.url not in urls])
        return len(before) - len(self.of(type))

    def to_json(self, *, with_secrets: bool = True) -> dict[str, Json]:
        """All webhooks as the API lists them. The secret of the account is left out if it has none."""
        listed: dict[str, Json] = {
            type.value: [hook.to_json(with_secret=with_secrets) for hook in self.of(type)] for type in WebhookType
        }
        if self.global_secret is not None and with_secrets:
            listed["globalSecret"] = self.global_secret.reveal()
        return listed

    def restore(self, document: Mapping[str, object]) -> None:
        """Take the webhooks that `to_json` returned.

        Raises:
            ConfigError: it is not such an object.
        """
        given = dict(document)
        secret = given.pop("globalSecret", None)
        self.global_secret = None if secret is None else webhook_secret(secret, "globalSecret")
        self.replace(
            {
                check_webhook_type(type): [Hook.from_json(hook) for hook in check_several(hooks, type, "a list")]
                for type, hooks in given.items()
            }
        )

    def _set(self, type: WebhookType, hooks: list[Hook]) -> None:
        if len(hooks) > MOST_HOOKS:
            raise ConfigError(f"an account may have {MOST_HOOKS} webhooks of a type, and this makes {len(hooks)}")
        self._by_type[type] = hooks
