"""One call of a test, from the side of its callee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.errors import CallStateError, SourceError
from offhook.wording import no_attribute
from offhook_mockserver.callees.places import found, not_found
from offhook_mockserver.callees.speech import Speech

if TYPE_CHECKING:
    import os

    from offhook.testing.audio import Clip, Heard
    from offhook_mockserver.callees.ends import CalleeEnd
    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.entry import Entry
    from offhook_mockserver.testkit.scene import Scene

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: How a test keeps more of the audio of its calls.
KEEP_MORE: Final = "MockOptions(keep_audio_s=...) or @pytest.mark.offhook(keep_audio_s=...) keeps more"


class CallHandle:
    """One call that a test's callee has received. Times are in seconds since the callee answered.

    Attributes:
        channel: the channel of the call.
        number: the number that was rung.
        from_number: the line that it is from.
        order: which call of the test it is, counted from 1, as the timeline of a failed test counts.
    """

    def __init__(self, scene: Scene, call: MockCall, order: int) -> None:
        self._scene = scene
        self._call = call
        self._final: Heard | None = None
        self._final_which: str = ""
        self.channel: str = call.channel
        self.number: str = call.to
        self.from_number: str = call.from_number
        self.order: int = order

    def __repr__(self) -> str:
        return f"<CallHandle {self.channel}, {'ended' if self.over else 'up'}>"

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    @property
    def over(self) -> bool:
        """Whether caller and callee have left the channel."""
        return self._scene.bridge.call(lambda: self.channel not in self._scene.tenant.calls)

    @property
    def end(self) -> CalleeEnd | None:
        """How the callee's part ended; None while it goes on."""
        return self._scene.bridge.call(lambda: self._call.end)

    @property
    def end_text(self) -> str:
        """How the callee's part ended, for people; empty while it goes on."""
        return self._scene.bridge.call(lambda: self._call.end_text)

    @property
    def how_ended(self) -> str:
        """Who ended the call, and when: ``the caller hung up 5.70 s after the answer``; empty while it goes on."""
        tenant = self._scene.tenant
        return self._scene.bridge.call(lambda: self._call.how_ended(over=self.channel not in tenant.calls))

    @property
    def token_expired(self) -> bool:
        """Whether the caller left because its token expired and was not renewed."""
        return self._scene.bridge.call(lambda: bool(self._call.why_caller_left))

    @property
    def problem(self) -> str:
        """Why the callee's script failed; empty if it has not."""
        return self._scene.bridge.call(lambda: self._call.problem)

    @property
    def answered(self) -> bool:
        """Whether the callee answered."""
        return self._scene.bridge.call(lambda: self._call.callee.answered)

    @property
    def history(self) -> tuple[Moment, ...]:
        """What happened to the callee, in order."""
        return self._scene.bridge.call(lambda: tuple(self._call.callee.history))

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The steps of the script that are not done, for people."""
        return self._scene.bridge.call(lambda: tuple(self._call.callee.unfinished))

    @property
    def finished(self) -> bool:
        """Whether the callee has done every step of its script, and has left if one of them says so."""

        def look() -> bool:
            callee = self._call.callee
            return callee.finished and (self._call.end is not None or not callee.leaving)

        return self._scene.bridge.call(look)

    @property
    def spoke_at_s(self) -> float | None:
        """When the callee began to speak, the last time; None if it has not spoken."""
        return self._scene.bridge.call(lambda: self._call.callee.spoke_at_s)

    @property
    def stopped_speaking_at_s(self) -> float | None:
        """When the callee stopped speaking, the last time; None if it has not."""
        return self._scene.bridge.call(lambda: self._call.callee.stopped_speaking_at_s)

    def counters(self) -> dict[str, int]:
        """The counters of its room and its callee."""
        return self._scene.bridge.call(self._call.counters)

    def losses(self) -> dict[str, int]:
        """The counters that stay zero in a healthy call and are above zero in this one."""
        return self._scene.bridge.call(self._call.losses)

    def audio(self) -> CallAudio | None:
        """What the callee heard and said until now; None before the answer."""
        callee = self._call.callee
        return self._scene.bridge.call(lambda: callee.audio() if callee.answered else None)

    @property
    def heard(self) -> Heard:
        """What the callee heard until now, to be questioned.

        Raises:
            CallStateError: it has not answered. Questions about audio beyond `MockOptions.keep_audio_s` raise it, too.
        """
        from offhook.testing.audio import Clip, Heard, Span

        which = self._which
        if self._final is not None and self._final_which == which:
            return self._final
        ended = self.end is not None
        audio = self.audio()
        if audio is None and ended:
            raise CallStateError(
                f"the callee never answered the call {self.channel}, so it has heard nothing. How the call ended: "
                f"{self.end_text}. Questions without an answer are callee.end, callee.history and callee.calls"
            )
        if audio is None:
            raise CallStateError(
                f"the callee has heard nothing yet, because it has not answered the call {self.channel}: wait for it, "
                "with callee.answered() or callee.finished()"
            )
        heard = Heard(
            Clip(audio.heard, audio.rate_hz, name="what the callee heard"),
            gaps=tuple(Span(from_s, to_s) for from_s, to_s in audio.heard_gaps),
            said=Clip(audio.said, audio.rate_hz, name="what the callee said"),
            resolve=self._resolve,
            note=self._scene.verdicts.add,
            lasted_s=audio.lasted_s,
            keep_more=KEEP_MORE,
            call=which,
            ended=self.how_ended,
        )
        if ended:
            self._final, self._final_which = heard, which
        return heard

    @property
    def _which(self) -> str:
        """Which of several calls of the test it is, for messages; empty if there is only one."""
        tenant = self._scene.tenant
        count = self._scene.bridge.call(lambda: len(tenant.calls) + len(tenant.kept))
        return f"call {self.order} of {max(self.order, count)}" if max(self.order, count) > 1 else ""

    @property
    def said(self) -> Clip:
        """What the callee said until now.

        Raises:
            CallStateError: it has not answered, or only the beginning of the call was kept.
        """
        said = self.heard.said
        assert said is not None
        return said

    def _resolve(self, what: Clip | str | os.PathLike[str]) -> Clip:
        from offhook.testing.audio import Clip

        if isinstance(what, Clip):
            return what
        path = Speech.of(what, None, "what").path
        if path is None:
            return Clip.read(what, plugins=self._scene.plugins)
        file = found(path, self._scene.folder)
        if not file.exists():
            raise SourceError(not_found(path, self._scene.folder))
        return Clip.read(file, plugins=self._scene.plugins)


class CallList:
    """The calls of one test, in the order in which they began; used on the mock's loop."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._known: dict[str, CallHandle] = {}
        self._begun = 0
        scene.tenant.journal.watch(self._happened)

    def to(self, number: str | None = None) -> tuple[CallHandle, ...]:
        """The calls to a number, or all of them. The tenant decides how many ended ones are kept."""
        tenant = self._scene.tenant
        there = {call.channel for call in tenant.kept} | tenant.calls.keys()
        self._known = {channel: call for channel, call in self._known.items() if channel in there}
        return tuple(call for call in self._known.values() if number is None or call.number == number)

    def _happened(self, entry: Entry) -> None:
        call = self._scene.tenant.calls.get(entry.channel)
        if call is not None and call.channel not in self._known:
            self._begun += 1
            self._known[call.channel] = CallHandle(self._scene, call, self._begun)
        self._scene.changes.note()
