"""What is written down of one call: in its record, in the timeline and so in the journal, before anything is done.

It also keeps the call's time, since everything that is written down is written in it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from offhook.interfaces.clock import iso_8601
from offhook.interfaces.numbers import mask
from offhook.records.timeline import Timeline
from offhook.secret import redact
from offhook.session.events import AudioHeard, CallAccepted, DeadlinePassed, Dialed, LegClosed, LegFailed, LegJoined
from offhook.session.facts import to_facts
from offhook.session.outcome import Disposition
from offhook.session.policy import policy_document
from offhook.session.record import CallRecord, TimelineEntry
from offhook.session.states import CallState, Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.errors import OffhookError
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.grant import Grant
    from offhook.plugin.hooks import Hooks
    from offhook.records.stores import Stores
    from offhook.session.events import Event
    from offhook.session.machine import CallSession, Step


class RecordKeeper:
    """Writes for one call.

    Args:
        number: who is called.
        call_id: our name for the call.
        clock: the time.
        stores: where it is written down.
        hooks: of the plugins that observe the call.
        session: the call's; its states are written down.
    """

    def __init__(
        self,
        number: str,
        call_id: str,
        clock: Clock,
        stores: Stores,
        hooks: Hooks,
        session: CallSession,
    ) -> None:
        self._clock = clock
        self._session = session
        self._dialed_at_s = 0.0
        self._latest_s = 0.0
        #: The grant that is in use; its token stands in the journal by its fingerprint.
        self.grant: Grant | None = None
        #: The refusal or failure that ended the call.
        self.error: OffhookError | None = None
        #: Why there was no fresh grant.
        self.renewal_problem = ""
        self.record: CallRecord = CallRecord(call_id, mask(number), "")
        self._number = number
        self.timeline: Timeline = Timeline(self.record, stores.of_call(call_id), hooks, self.add_entry, self._clean)

    def _clean(self, text: str) -> str:
        """What plugins say may hold secrets and the callee's number: neither is written down."""
        return redact(text).replace(self._number, self.record.number)

    def begin(self) -> None:
        """The call is dialled now: its time begins."""
        self.record.dialed_at = iso_8601(self._clock.wall_s())
        self._dialed_at_s = self._clock.monotonic_s()

    def now_s(self) -> float:
        """Seconds since dialling: the clock of the session, of the journal and of the record. In whole microseconds,
        so that a journal that was written and read again gives the session the same times."""
        return max(self._latest_s, round(self._clock.monotonic_s() - self._dialed_at_s, 6))

    def reach(self, deadline_s: float | None) -> float:
        """Now, when a timer has run out: not before its deadline, whatever the clock's last digit says."""
        self._latest_s = max(self.now_s(), deadline_s or 0.0)
        return self._latest_s

    def expiry_s(self, grant: Grant) -> float | None:
        """When a grant's token ends, on the session's clock: from here on no step of the wall clock matters."""
        if grant.expires_at_s is None:
            return None
        return round(self.now_s() + grant.expires_at_s - self._clock.wall_s(), 6)

    def keep(self, event: Event, step: Step, at_s: float) -> None:
        """An event was taken: write down what it did."""
        record = self.record
        match event:
            case Dialed():
                record.rang = "unknown"  # written down before the carrier is asked, and until its answer is here
            case CallAccepted():
                record.accepted_at_s, record.rang = at_s, "assumed"
            case LegJoined():
                record.joined_at_s = at_s
            case AudioHeard(uid) if uid == self._session.callee_uid:
                record.first_heard_at_s = at_s
            case _:
                pass
        if step.call is CallState.ACTIVE and record.answered_at_s is None:
            record.answered_at_s = record.first_sent_at_s = at_s
        if record.outcome is None and self._session.outcome is not None:
            record.outcome = self._session.outcome
            if record.outcome.disposition is Disposition.FAILED:
                self.timeline.failure(self._explain(event, step.evidence))
        if step.call is CallState.ENDED:
            record.ended_at_s = at_s
        if step.changed or not isinstance(event, DeadlinePassed):
            self.add_entry(type(event).__name__, self._detail(event), step, at_s, self._facts(event))

    def add_entry(
        self,
        event: str,
        detail: str,
        step: Step | None = None,
        at_s: float | None = None,
        facts: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """Add an entry to the timeline; without a step it is a note, which changes nothing."""
        self.timeline.add(
            TimelineEntry(
                self.now_s() if at_s is None else at_s,
                event,
                self._session.call_state,
                self._session.leg_state,
                step is not None and step.changed,
                step.evidence if step else None,
                step.grade if step else None,
                self._clean(detail),
                facts,
            )
        )

    def _facts(self, event: Event) -> dict[str, object]:
        """What a journal needs beside the event's name to be replayed; the first entry holds the policy as well."""
        facts = {
            name: self._clean(value) if isinstance(value, str) else value for name, value in to_facts(event).items()
        }
        if isinstance(event, Dialed):
            facts["policy"] = policy_document(self._session.policy)
        return facts

    def _detail(self, event: Event) -> str:
        if isinstance(event, CallAccepted) and self.grant is not None:
            return f"channel={self.grant.channel} token_sha256={self.grant.token.fingerprint}"
        return " ".join(f"{name}={value}" for name, value in to_facts(event).items() if value is not None)

    def _explain(self, event: Event, evidence: Evidence | None) -> str:
        """One sentence for what broke."""
        policy = self._session.policy
        if self.error is not None:
            return self.error.message
        if evidence is Evidence.TOKEN_EXPIRED:
            return f"the token had its time, and there was no fresh one: {self.renewal_problem or 'none came in time'}"
        if evidence is Evidence.AUDIO_LOST:
            return f"no audio for {policy.audio_timeout_s:g} s in one direction"
        if isinstance(event, LegFailed | LegClosed):
            return f"the channel was lost: {event.reason}"
        if evidence is Evidence.LEG_LOST:
            return f"our connection to the channel broke and did not come back within {policy.grace_s:g} s"
        if evidence is Evidence.CALLEE_DROPPED:
            return f"the callee vanished from the channel and did not come back within {policy.grace_s:g} s"
        return f"not in the channel within {policy.setup_timeout_s:g} s of dialling"
