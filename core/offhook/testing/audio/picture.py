"""The picture of a call: waveforms, states, gaps and moments on one time axis, as an SVG file without scripts.

Its size is bounded, however long the call was: a waveform has one column for each pixel, and of marks and states the
first ones are drawn and the others are counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_instance, check_several, check_text
from offhook.errors import ConfigError
from offhook.testing.audio.spans import Span, joined
from offhook.testing.audio.tracks import Mark, MarkKind, State, Track
from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WIDTH: Final = 1200
_LEFT: Final = 96
_RIGHT: Final = 24
_COLUMNS: Final = _WIDTH - _LEFT - _RIGHT
_TRACK: Final = 120
_LINE: Final = 18
_MARK_LINES: Final = 6
_MOST_TRACKS: Final = 6
_MOST_MARKS: Final = 200
_MOST_STATES: Final = 100
_MOST_ROWS: Final = 3
_MOST_LABEL: Final = 40
_MOST_TIP: Final = 60
#: A letter of the labels is about this wide.
_LETTER: Final = 6.2
_MOST_TICKS: Final = 12
#: The axis is longer than the call by this share of it.
_MARGIN: Final = 0.03
#: A track with a lower peak than this is drawn small, so that silence looks like silence.
_LEAST_PEAK: Final = 600
_BANDS: Final = ("#dbe7f5", "#eef3da")
_SHADE: Final = "#ece7f1"
_COLOURS: Final[Mapping[MarkKind, str]] = {
    MarkKind.MOMENT: "#5b6570",
    MarkKind.CLEAR: "#b45f06",
    MarkKind.FAILURE: "#c00020",
}


def waveforms_svg(
    tracks: Sequence[Track],
    marks: Iterable[Mark] = (),
    *,
    states: Iterable[State] = (),
    shades: Iterable[State] = (),
    title: str = "",
) -> str:
    """Draw a call. The result is below 300 kB.

    Args:
        tracks: the waveforms, from top to bottom; one to six.
        marks: moments, such as what the callee did and where the application cleared what it played.
        states: the states of the call, in at most three rows; see `State.row`.
        shades: what lasted for some time, such as an outage: behind all waveforms, with its label; rows do not count.
        title: what the picture shows.

    Raises:
        ConfigError: an argument is of the wrong type, there are no tracks, or there are too many tracks or rows.
    """
    check_text(title, "title", "test_stops_when_spoken_over")
    drawn = [check_instance(it, "each track", Track, "a Track") for it in check_several(tracks, "tracks", "a list")]
    if not 1 <= len(drawn) <= _MOST_TRACKS:
        raise ConfigError(f"tracks must be one to {_MOST_TRACKS} tracks, got {len(drawn)}")
    moments = sorted(
        (check_instance(it, "each mark", Mark, "a Mark") for it in check_several(marks, "marks", "a list of Mark")),
        key=lambda mark: mark.at_s,
    )
    phases = [check_instance(it, "each state", State, "a State") for it in check_several(states, "states", "a list")]
    rows = len({state.row for state in phases})
    if rows > _MOST_ROWS:
        raise ConfigError(f"states must be of at most {_MOST_ROWS} rows, got {rows}")
    shaded = [check_instance(it, "each shade", State, "a State") for it in check_several(shades, "shades", "a list")]
    axis = _Axis.of(drawn, moments, [*phases, *shaded])
    return _Picture(axis, title).draw(drawn, moments, phases, shaded)


@dataclass(frozen=True, slots=True)
class _Axis:
    from_s: float
    to_s: float

    @classmethod
    def of(cls, tracks: Sequence[Track], marks: Sequence[Mark], states: Sequence[State]) -> _Axis:
        starts = [
            *(it.clip.starts_at_s for it in tracks),
            *(it.at_s for it in marks),
            *(it.span.from_s for it in states),
        ]
        ends = [*(it.clip.ends_at_s for it in tracks), *(it.at_s for it in marks), *(it.span.to_s for it in states)]
        start, end = min(starts), max(*ends, min(starts) + 0.1)
        return cls(start, end + _MARGIN * (end - start))  # what happens at the end is not at the edge

    def x(self, at_s: float) -> float:
        """The place of a time, in pixels."""
        share = (at_s - self.from_s) / (self.to_s - self.from_s)
        return round(_LEFT + _COLUMNS * min(1.0, max(0.0, share)), 1)

    def ticks(self) -> list[float]:
        """At most `_MOST_TICKS` round times."""
        rough = (self.to_s - self.from_s) / _MOST_TICKS
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        first, last = math.ceil(self.from_s / step), math.floor(self.to_s / step)
        return [index * step for index in range(first, last + 1)]


class _Picture:
    """Draws from top to bottom; `_y` is where the next thing goes."""

    def __init__(self, axis: _Axis, title: str) -> None:
        self._axis = axis
        self._title = title
        self._parts: list[str] = []
        self._y = 10

    def draw(
        self, tracks: Sequence[Track], marks: Sequence[Mark], states: Sequence[State], shades: Sequence[State]
    ) -> str:
        if self._title:
            self._text(12, self._y + 14, self._title, 'font-size="14" font-weight="bold"', most=150)
            self._y += 28
        self._states(states)
        top = self._y
        lines = self._labels(marks)
        bottom = self._y + len(tracks) * _TRACK
        self._shades(shades, self._y, bottom)
        self._ticks(self._y, bottom)
        for track in tracks:
            self._track(track)
        for mark, line in lines:
            x = self._axis.x(mark.at_s)
            tip = f"{mark.at_s:.2f} s: {mark.label}"
            self._parts.append(
                f'<path d="M{x:g} {top + line * _LINE + 14}V{bottom}" stroke="{_COLOURS[mark.kind]}"'
                f"{_dashes(mark)}><title>{_safe(tip, _MOST_TIP)}</title></path>"
            )
        self._y = bottom + 24
        self._left_out("marks", len(marks) - _MOST_MARKS)
        self._left_out("states", len(states) - _MOST_STATES)
        self._left_out("shades", len(shades) - _MOST_STATES)
        name = f"<title>{_safe(self._title or 'a call', 150)}</title>"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {self._y}" width="{_WIDTH}"'
            f' height="{self._y}" role="img" font-family="sans-serif" font-size="11" fill="#1c2733">{name}'
            f'<rect width="{_WIDTH}" height="{self._y}" fill="#ffffff"/>'
        )
        return "\n".join([head, *self._parts, "</svg>\n"])

    def _states(self, states: Sequence[State]) -> None:
        drawn = states[:_MOST_STATES]
        for row in dict.fromkeys(state.row for state in drawn):
            self._row(row, [state for state in drawn if state.row == row])

    def _row(self, row: str, states: Sequence[State]) -> None:
        self._text(12, self._y + 14, row, most=13)
        for index, state in enumerate(states):
            left, right = self._axis.x(state.span.from_s), self._axis.x(state.span.to_s)
            tip = _safe(f"{state.label}: {state.span}", _MOST_TIP)
            self._parts.append(
                f'<rect x="{left:g}" y="{self._y}" width="{right - left:g}" height="20"'
                f' fill="{_BANDS[index % len(_BANDS)]}"><title>{tip}</title></rect>'
            )
            room = int((right - left - 6) / _LETTER)
            if room >= 2:
                self._text(left + 3, self._y + 14, state.label, most=room)
        self._y += 28

    def _shades(self, shades: Sequence[State], top: int, bottom: int) -> None:
        for shade in shades[:_MOST_STATES]:
            left, right = self._axis.x(shade.span.from_s), self._axis.x(shade.span.to_s)
            tip = _safe(f"{shade.label}: {shade.span}", _MOST_TIP)
            self._parts.append(
                f'<rect x="{left:g}" y="{top}" width="{max(1.0, right - left):g}" height="{bottom - top}"'
                f' fill="{_SHADE}"><title>{tip}</title></rect>'
            )
            room = int((right - left - 6) / _LETTER)
            if room >= 2:
                self._text(left + 3, bottom - 4, shade.label, 'fill="#5b6570"', most=min(room, _MOST_LABEL))

    def _labels(self, marks: Sequence[Mark]) -> list[tuple[Mark, int]]:
        """Write the labels of marks in the first line with room; returns each mark that is drawn, and its line."""
        ends = [0.0] * _MARK_LINES
        result: list[tuple[Mark, int]] = []
        used = 0
        for mark in marks[:_MOST_MARKS]:
            x = self._axis.x(mark.at_s)
            line = next((index for index, end in enumerate(ends) if end <= x), None)
            if line is None:  # its text is in the tip alone
                result.append((mark, _MARK_LINES))
                continue
            used = max(used, line + 1)
            width = _LETTER * min(len(mark.label), _MOST_LABEL) + 8
            left = min(x, _WIDTH - width)
            ends[line] = left + width
            self._text(left + 3, self._y + line * _LINE + 12, mark.label, f'fill="{_COLOURS[mark.kind]}"')
            result.append((mark, line))
        self._y += used * _LINE + 4
        return [(mark, min(line, used)) for mark, line in result]

    def _ticks(self, top: int, bottom: int) -> None:
        for at_s in self._axis.ticks():
            x = self._axis.x(at_s)
            self._parts.append(f'<path d="M{x:g} {top}V{bottom}" stroke="#e3e7ea"/>')
            self._text(x, bottom + 14, f"{at_s:g} s", 'text-anchor="middle"')

    def _track(self, track: Track) -> None:
        from offhook.testing.audio import measures

        middle = self._y + _TRACK // 2
        scale = (_TRACK / 2 - 8) / max(_LEAST_PEAK, measures.peak_of(track.clip.pcm))
        if missing := "".join(
            f"M{gap.from_s:g} {middle}h{gap.duration_s:g}" for gap in _snapped(track.gaps, self._axis)
        ):
            self._parts.append(f'<path d="{missing}" stroke="#f6c8cf" stroke-width="{_TRACK - 8}"/>')
        step_s = (self._axis.to_s - self._axis.from_s) / _COLUMNS
        offset_s = self._axis.from_s - track.clip.starts_at_s
        edges = [round((offset_s + column * step_s) * track.clip.rate_hz) for column in range(_COLUMNS + 1)]
        path = "".join(
            f"M{_LEFT + column} {round(middle - high * scale)}V{round(middle - low * scale) + 1}"
            for column, (low, high) in enumerate(measures.envelope(track.clip.pcm, edges))
            if low or high
        )
        self._parts.append(f'<path d="M{_LEFT} {middle}H{_WIDTH - _RIGHT}" stroke="#c3cad1"/>')
        if path:
            self._parts.append(f'<path d="{path}" stroke="#2f6db3" shape-rendering="crispEdges"/>')
        self._text(12, middle, track.label, 'font-weight="bold"', most=13)
        self._text(12, middle + 16, f"peak {track.clip.peak_dbfs():.0f} dBFS", 'font-size="9"')
        if track.gaps:
            self._text(
                12,
                middle + 28,
                f"{len(track.gaps)} {'gap' if len(track.gaps) == 1 else 'gaps'}",
                'font-size="9" fill="#c00020"',
            )
        self._y += _TRACK

    def _left_out(self, what: str, count: int) -> None:
        if count > 0:
            self._text(12, self._y + 10, f"{count} more {what} are not drawn")
            self._y += _LINE

    def _text(self, x: float, y: float, text: str, attributes: str = "", *, most: int = _MOST_LABEL) -> None:
        between = " " if attributes else ""
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{between}{attributes}>{_safe(text, most)}</text>')


def _snapped(gaps: Sequence[Span], axis: _Axis) -> list[Span]:
    """The gaps in pixels, each at least one wide, and those that touch as one: at most one for each two columns."""
    columns: list[Span] = []
    for gap in gaps:
        left = math.floor(axis.x(gap.from_s))
        columns.append(Span(left, max(left + 1, math.ceil(axis.x(gap.to_s)))))
    return joined(columns)


def _dashes(mark: Mark) -> str:
    return "" if mark.kind is MarkKind.FAILURE else ' stroke-dasharray="4 3"'


def _safe(text: str, most: int) -> str:
    """A text of a caller for XML: cut, one line, escaped."""
    return escape(printable(text if len(text) <= most else f"{text[: most - 1]}…"))
