"""Who spoke when: how long both spoke at once, and how long each took to respond to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.testing.audio.spans import amount, common, limit, shown, total_s
from offhook.testing.audio.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offhook.testing.audio.spans import Span


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """How long each side took to respond, in seconds, in the order of their responses.

    Attributes:
        caller: from the end of the callee's speech to the start of the caller's, each time.
        callee: from the end of the caller's speech to the start of the callee's, each time.
    """

    caller: tuple[float, ...]
    callee: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the callee, and what followed it.

    Attributes:
        from_s: when it began.
        to_s: when it ended.
        answered_s: when the caller spoke in response, not before `to_s`; None if it did not.
        left_s: how long the caller had to respond: until the callee spoke again, or the call ended.
        last: whether the call ended, and not the next turn, after `left_s`.
    """

    from_s: float
    to_s: float
    answered_s: float | None
    left_s: float
    last: bool


def responses(speech: Sequence[Span], others: Sequence[Span]) -> tuple[float, ...]:
    """How long `speech` took to respond to `others`; both are in order of time.

    Speech is a response if the other side was the last to speak and had stopped: speech that begins while the other
    side speaks is an interruption, and speech after one's own is not a response.
    """
    times: list[float] = []
    before_s = float("-inf")
    for span in speech:
        earlier = [other for other in others if other.from_s < span.from_s]
        if earlier and before_s < earlier[-1].to_s <= span.from_s:
            times.append(span.from_s - earlier[-1].to_s)
        before_s = max(before_s, span.to_s)
    return tuple(times)


def responds_within(caller: Sequence[Span], callee: Sequence[Span], ends_s: float, within_s: float) -> Finding:
    """Whether the caller responded in time to each turn of the callee.

    A turn after which the callee went on, or the call ended, before the time was over, need not be answered.
    """
    expected = f"the caller speaks at most {limit(within_s)} after each turn of the callee"
    cure = "what the application does when the callee stops speaking: how it notices, and what it waits for"
    turns = list(_turns(caller, callee, ends_s, within_s))
    owed = [turn for turn in turns if turn.answered_s is not None or turn.left_s > within_s]
    spoke = f"the caller spoke at {shown(caller)}" if caller else "the caller never spoke"
    if not owed:
        found = "the callee never spoke"
        if turns:
            found = f"the callee spoke at {shown(callee)}, and the call ended {turns[-1].left_s:.2f} s later"
        return Finding(
            False,
            expected,
            f"{found}; {spoke}",
            "what the callee says, and which side ended the call",
            True,
            within_s - turns[-1].left_s if turns else None,
        )
    worst = max(owed, key=_took_s)
    took_s = _took_s(worst)
    name = f"turn {turns.index(worst) + 1} of {len(turns)} of the callee ({worst.from_s:.2f} to {worst.to_s:.2f} s)"
    if worst.answered_s is None:
        after = (
            f"the audio ends {worst.left_s:.2f} s after it"
            if worst.last
            else (f"the callee spoke again {worst.left_s:.2f} s after it")
        )
        found = f"{name} was never answered: {after}; {spoke}"
        return Finding(False, expected, found, cure, True, worst.left_s - within_s)  # it is that late at least
    found = f"{name} was answered after {took_s:.2f} s, at {worst.answered_s:.2f} s"
    late_s = took_s - within_s
    if late_s > 0:
        return Finding(False, expected, f"{found}, {amount(late_s)} too late", cure, True, late_s)
    return Finding(True, expected, f"{found}; no turn was answered later", cure, True, -late_s)


def talks_over_at_most(caller: Sequence[Span], callee: Sequence[Span], most_s: float) -> Finding:
    """Whether both sides spoke at once for no longer than that, in all."""
    both = common(caller, callee)
    both_s = total_s(both)
    expected = f"both sides speak at once for at most {limit(most_s)} in all"
    found = f"both spoke at {shown(both)}, {both_s:.2f} s in all" if both else "both sides never spoke at once"
    over_s = both_s - most_s
    if over_s > 0:
        found += f", {amount(over_s)} too long"
    cure = (
        "whether the application stops playing (Call.clear) when the callee speaks, and whether it waits for its turn"
    )
    return Finding(over_s <= 0, expected, found, cure, True, abs(over_s))


def _turns(caller: Sequence[Span], callee: Sequence[Span], ends_s: float, pause_s: float) -> Iterator[Turn]:
    """The turns of the callee. One that goes on within `pause_s`, before the caller speaks, is one turn."""
    first = 0
    for index, span in enumerate(callee):
        following = callee[index + 1].from_s if index + 1 < len(callee) else None
        until_s = ends_s if following is None else following
        begun_s = callee[first].from_s
        # What began before the turn is not a response to it, however long it goes on.
        answer_s = next((it.from_s for it in caller if begun_s <= it.from_s < until_s), None)
        if following is not None and answer_s is None and following - span.to_s <= pause_s:
            continue
        answered_s = None if answer_s is None else max(answer_s, span.to_s)
        yield Turn(begun_s, span.to_s, answered_s, max(0.0, until_s - span.to_s), following is None)
        first = index + 1


def _took_s(turn: Turn) -> float:
    return float("inf") if turn.answered_s is None else turn.answered_s - turn.to_s
