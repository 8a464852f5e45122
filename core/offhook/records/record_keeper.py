"""Writes down what happens to one call, in its record and its journal, before anything is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.interfaces.numbers import mask, mask_these
from offhook.records.amendments import Amendments, detail_of
from offhook.records.call_time import CallTime
from offhook.records.timeline import Timeline
from offhook.secret import redact
from offhook.session.events import (
    CallAccepted,
    DeadlinePassed,
    Dialed,
    LegClosed,
    LegDisconnected,
    LegFailed,
    WebhookReported,
)
from offhook.session.facts import to_facts
from offhook.session.outcome import Disposition
from offhook.session.policy import policy_document
from offhook.session.record import CallRecord
from offhook.session.states import Evidence

if TYPE_CHECKING:
    from offhook.errors import OffhookError
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.grant import Grant
    from offhook.plugin.hooks import Hooks
    from offhook.records.stores import Stores
    from offhook.session.events import Event
    from offhook.session.machine import CallSession, Step


class _Cleaning:
    """Removes secrets and the numbers of the call from a text, which plugins may have put into it."""

    def __init__(self, *numbers: str | None) -> None:
        self.numbers = numbers

    def __call__(self, text: str) -> str:
        return mask_these(redact(text), *self.numbers)


class RecordKeeper:
    """Writes for one call.

    Args:
        number: who is called.
        from_number: the line that was chosen for the call, or None.
        call_id: our name for the call.
        clock: the phone's clock.
        stores: the phone's stores.
        hooks: the hooks of the plugins that observe the call.
        session: the call's session, whose states are written down.
    """

    def __init__(
        self,
        number: str,
        from_number: str | None,
        call_id: str,
        clock: Clock,
        stores: Stores,
        hooks: Hooks,
        session: CallSession,
    ) -> None:
        self._clean = _Cleaning(number, from_number)
        self._session = session
        self._time = CallTime(clock)
        #: The grant that is in use; the journal holds the fingerprint of its token, and never the token.
        self.grant: Grant | None = None
        #: The refusal or failure that ended the call.
        self.error: OffhookError | None = None
        #: Why the last renewal failed.
        self.renewal_problem = ""
        #: Why our connection broke last, in parentheses; empty if the transport did not say.
        self._broken = ""
        self.record: CallRecord = CallRecord(call_id, mask(number), "", from_number=_masked(from_number))
        self.timeline: Timeline = Timeline(
            self.record, stores.of_call(call_id), hooks, session, self._time.now_s, self._clean
        )
        #: Takes reports of the carrier once the outcome is known; it does not hold this object.
        self.amendments: Amendments = Amendments(session, self.timeline, self._time.now_s, self._clean)

    def call_from(self, from_number: str | None) -> None:
        """The call is from this line, which was chosen when it was admitted; None if the carrier did not say which."""
        self._clean.numbers = (self._clean.numbers[0], from_number)
        self.record.from_number = _masked(from_number)

    def begin(self) -> None:
        """The call is dialled now: its time starts."""
        self.record.dialed_at = self._time.begin()

    def now_s(self) -> float:
        """See `CallTime.now_s`."""
        return self._time.now_s()

    def reach(self, deadline_s: float | None) -> float:
        """See `CallTime.reach`."""
        return self._time.reach(deadline_s)

    def expiry_s(self, grant: Grant) -> float | None:
        """See `CallTime.expiry_s`."""
        return self._time.expiry_s(grant)

    def keep(self, event: Event, step: Step, at_s: float) -> None:
        """Write down an event that the session took, and its step."""
        record, session = self.record, self._session
        if isinstance(event, LegDisconnected):
            self._broken = f" ({event.reason})" if event.reason else ""
        decided = record.apply(event, step, at_s, session.callee_uid, session.outcome)
        if decided and record.disposition is Disposition.FAILED:
            self.timeline.failure(self._explain(event, step.evidence))
        if session.impossible_events:
            record.counters["impossible_events"] = session.impossible_events
        if step.changed or not isinstance(event, DeadlinePassed):
            self.timeline.event(type(event).__name__, self._detail(event), step, at_s, self._facts(event))

    def note(self, error: OffhookError, doing: str = "") -> None:
        """Write down an error that the call survives.

        Args:
            error: the error.
            doing: what failed because of it, for people; empty if the error's message says that.
        """
        sentence = f"{doing}: {error.message}" if doing else error.message
        self.timeline.problem(sentence, type(error).__name__)

    def _facts(self, event: Event) -> dict[str, object]:
        """What replay needs besides the event's name; the first entry also holds the policy."""
        facts = {
            name: self._clean(value) if isinstance(value, str) else value for name, value in to_facts(event).items()
        }
        if isinstance(event, Dialed):
            facts["policy"] = policy_document(self._session.policy)
        return facts

    def _detail(self, event: Event) -> str:
        if isinstance(event, CallAccepted) and self.grant is not None:
            return f"channel={self.grant.channel} token_sha256={self.grant.token.fingerprint}"
        if isinstance(event, WebhookReported):
            return detail_of(event)
        return " ".join(f"{name}={value}" for name, value in to_facts(event).items() if value not in (None, ""))

    def _explain(self, event: Event, evidence: Evidence | None) -> str:
        """One sentence on what broke."""
        policy = self._session.policy
        if self.error is not None:
            return self.error.message
        if evidence is Evidence.TOKEN_EXPIRED:
            return f"the token expired and was not renewed: {self.renewal_problem or 'no fresh one arrived in time'}"
        if evidence is Evidence.AUDIO_LOST:
            return f"no audio for {policy.audio_timeout_s:g} s in one direction"
        if isinstance(event, LegFailed | LegClosed):
            return f"the channel was lost: {event.reason}"
        if evidence is Evidence.LEG_LOST:
            return (
                f"our connection to the channel broke{self._broken} and did not come back within {policy.grace_s:g} s"
            )
        if evidence is Evidence.CALLEE_DROPPED:
            return f"the callee vanished from the channel and did not come back within {policy.grace_s:g} s"
        return f"not in the channel within {policy.setup_timeout_s:g} s of dialling"


def _masked(number: str | None) -> str:
    return "" if number is None else mask(number)
