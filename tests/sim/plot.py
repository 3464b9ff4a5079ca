"""Curves over time as a picture (SVG), readable on light and on dark ground. Nothing but text is needed to make it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 120, 44, 44
COLOURS = ("#2f81f7", "#d29922", "#3fb950", "#db61a2", "#a371f7", "#f0653a")
"""Of a brightness that white and black grounds both bear."""
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 2")
"""Whoever sees no colours sees these."""
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .grid { stroke: #8c959f; stroke-width: 0.5; opacity: 0.35 }
  .span { fill: #8c959f; opacity: 0.15 }
  .curve { fill: none; stroke-width: 2; stroke-linejoin: round }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
"""


class Curve(msgspec.Struct, frozen=True):
    name: str
    values: Sequence[float]


class Frame(msgspec.Struct, frozen=True):
    """Where a moment and a value stand in the picture."""

    length: float
    highest: float

    def x(self, seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.length

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value / self.highest, 1.0)


def plot(
    title: str,
    curves: Sequence[Curve],
    *,
    every: float,
    highest: float,
    spans: Sequence[tuple[float, float, str]] = (),
) -> str:
    """Values are parts of a whole, one for each `every` seconds, up to `highest`. `spans` of time are shaded."""
    frame = Frame(every * max(len(each.values) for each in curves), highest)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        _text(LEFT, 22, title, "title"),
        *(part for span in spans for part in _span(frame, *span)),
        *_axes(frame),
        *(part for place, each in enumerate(curves) for part in _curve(frame, each, place, every)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _span(frame: Frame, begin: float, end: float, name: str) -> list[str]:
    x, width, height = frame.x(begin), frame.x(end) - frame.x(begin), HEIGHT - TOP - BOTTOM
    return [
        f'<rect class="span" x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{height}"/>',
        _text(x + width / 2.0, TOP + 16, name, anchor="middle"),
    ]


def _axes(frame: Frame) -> list[str]:
    right, bottom = frame.x(frame.length), HEIGHT - BOTTOM
    parts: list[str] = []
    for step in range(5):
        value = frame.highest * step / 4.0
        y = frame.y(value)
        kind = "grid" if step else "axis"
        parts.append(f'<line class="{kind}" x1="{LEFT}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{100.0 * value:.0f} %", anchor="end"))
    minutes = range(int(frame.length // 60.0) + 1)
    return parts + [_text(frame.x(60.0 * each), bottom + 20, f"{each} min", anchor="middle") for each in minutes]


def _curve(frame: Frame, curve: Curve, place: int, every: float) -> list[str]:
    colour, dashes = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
    look = f'stroke="{colour}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")
    points = " ".join(
        f"{frame.x(every * (number + 0.5)):.1f},{frame.y(value):.1f}" for number, value in enumerate(curve.values)
    )
    y = TOP + 12 + 22 * place
    x = WIDTH - RIGHT + 10
    return [
        f'<polyline class="curve" {look} points="{points}"/>',
        f'<line class="curve" {look} x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}"/>',
        _text(x + 30, y + 4, curve.name),
    ]


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
