"""The lines of an account: their health, who they are assigned to, and where calls to them are forwarded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_choice, check_number
from offhook.errors import ConfigError
from offhook.interfaces import Ids, e164, iso_8601
from offhook_mockserver.tenants.account.documents import documents_of, each, from_document
from offhook_mockserver.tenants.account.owner import now_s
from offhook_mockserver.tenants.webhook_types import WebhookType

if TYPE_CHECKING:
    from offhook_mockserver.tenants.account.events import AccountEvents
    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.entry import Json


#: Lines that an account may have.
MOST_LINES: Final = 1_000


class LineStatus(StrEnum):
    """The health of a line. The values are those of Sendblue's API."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    DEGRADED = "DEGRADED"
    UNKNOWN = "UNKNOWN"


class Assignment(StrEnum):
    """What a line is to its account. The values are those of Sendblue's API."""

    ASSIGNED = "assigned"
    SHARED = "shared"
    GRACE_PERIOD = "grace_period"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """A line.

    Attributes:
        line: its number.
        status: a `LineStatus`, as text.
        assignment: an `Assignment`, as text.
        changed_s: when its status changed, in seconds since 1970; None if it never did.
        degraded_s: since when it has been degraded; None if it is not.
        until_s: when its assignment ends; None if that is not known.
        blocked: whether it was blocked: messages from it fail.
        forwarding: the number that calls to it are forwarded to, or None.
    """

    line: str
    status: str = LineStatus.ONLINE.value
    assignment: str = Assignment.ASSIGNED.value
    changed_s: float | None = None
    degraded_s: float | None = None
    until_s: float | None = None
    blocked: bool = False
    forwarding: str | None = None


class Lines:
    """The lines of one account. Tests change them, and clients see that.

    Args:
        owner: whose account it is; `owner.lines` are their numbers.
        email: the address of the account.
        events: where changes are reported.
    """

    def __init__(self, owner: AccountOwner, email: str, events: AccountEvents) -> None:
        self._owner = owner
        self._email = email
        self._events = events
        #: Of the lines that are not as they were in the beginning.
        self._states: dict[str, LineState] = {}

    def of(self, line: str) -> LineState:
        """The state of a line."""
        return self._states.get(line) or LineState(line=line)

    def worker_id(self, line: str) -> str:
        """The id of what serves a line."""
        return f"worker_{Ids(f'{self._owner.seed}/line/{line}').hex(16)}"

    def usable(self, lines: tuple[str, ...]) -> tuple[str, ...]:
        """Those of these lines that messages can be sent from."""
        states = map(self.of, lines)
        return tuple(state.line for state in states if not state.blocked and state.status != LineStatus.OFFLINE)

    def set_status(self, line: str, status: LineStatus | str) -> None:
        """Change the health of a line; clients get the event ``line.status.changed``.

        Raises:
            ConfigError: it is not a line of the account, or not a status.
        """
        old, new = self._own(line), check_choice(status, "status", LineStatus)
        if old.status == new:
            return
        at_s = now_s(self._owner)
        degraded_s = at_s if new is LineStatus.DEGRADED else None
        self._keep(replace(old, status=new.value, changed_s=at_s, degraded_s=degraded_s))
        self._report("line.status.changed", line)

    def set_assignment(self, line: str, assignment: Assignment | str, *, until_s: float | None = None) -> None:
        """Change what a line is to the account, until a time in seconds since 1970 if that is known.

        Raises:
            ConfigError: it is not a line of the account, or an argument is not valid.
        """
        until_s = None if until_s is None else check_number(until_s, "until_s", least=0)
        assignment = check_choice(assignment, "assignment", Assignment)
        self._keep(replace(self._own(line), assignment=assignment.value, until_s=until_s))

    def block(self, line: str) -> None:
        """Block a line: it is offline, messages from it fail, and clients get ``line.blocked`` and a webhook.

        Raises:
            ConfigError: it is not a line of the account.
        """
        if self._own(line).blocked:
            return
        self.set_status(line, LineStatus.OFFLINE)
        self._keep(replace(self.of(line), blocked=True))
        self._report("line.blocked", line, WebhookType.LINE_BLOCKED)

    def assign(self, line: str) -> None:
        """Assign a further line to the account; clients get ``line.assigned`` and a webhook.

        Raises:
            ConfigError: the account has it, or as many lines as it may have; `NumberRejected` if it is not a number.
        """
        line = e164(line, "line")
        if line in self._owner.lines:
            raise ConfigError(f"{line} is a line of the account already")
        if len(self._owner.lines) >= MOST_LINES:
            raise ConfigError(f"an account may have {MOST_LINES} lines")
        self._owner.lines = (*self._owner.lines, line)
        self._report("line.assigned", line, WebhookType.LINE_ASSIGNED)

    def unassign(self, line: str) -> None:
        """Take a line from the account; clients get ``line.unassigned``.

        Raises:
            ConfigError: it is not a line of the account, or its last one.
        """
        self._own(line)
        if len(self._owner.lines) == 1:
            raise ConfigError(f"{line} is the only line of the account: assign another one first")
        self._report("line.unassigned", line)
        self._owner.lines = tuple(other for other in self._owner.lines if other != line)
        self._states.pop(line, None)

    def forward(self, line: str, number: str | None) -> None:
        """Forward calls to a line, or with None no longer."""
        self._keep(replace(self.of(line), forwarding=number))

    def to_json(self) -> list[Json]:
        """The lines that are not as they were in the beginning, as a list of JSON."""
        return documents_of(self._states.values())

    def restore(self, document: object) -> None:
        """Take what `to_json` returned.

        Raises:
            ConfigError: it is not such a list.
        """
        for item in each(document, "lines of the account"):
            state = from_document(LineState, item, "a line")
            check_choice(state.status, "status of a line", LineStatus)
            check_choice(state.assignment, "assignment of a line", Assignment)
            self._keep(state)

    def _own(self, line: str) -> LineState:
        if line not in self._owner.lines:
            raise ConfigError(f"{line} is not a line of the account; use {' or '.join(self._owner.lines)}")
        return self.of(line)

    def _keep(self, state: LineState) -> None:
        if state == LineState(line=state.line):
            self._states.pop(state.line, None)
        elif state.line in self._states or len(self._states) < MOST_LINES:
            self._states[state.line] = state

    def _report(self, type: str, line: str, webhook: WebhookType | None = None) -> None:
        state = self.of(line)
        data: dict[str, Json] = {
            "worker_id": self.worker_id(line),
            "sendblue_number": line,
            "status": state.status,
            "status_changed_at": None if state.changed_s is None else iso_8601(state.changed_s),
        }
        self._events.emit(type, data, line=line)
        if webhook is not None:
            event: dict[str, Json] = {"event_type": webhook.value, "accountEmail": self._email, **data}
            event["timestamp"] = iso_8601(now_s(self._owner))
            self._owner.webhooks.send(webhook, event, line=line, about=line)
