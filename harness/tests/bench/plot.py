"""Line charts as SVG, side by side: the little that performance.md needs. The horizontal axis is logarithmic, the
vertical one begins at zero."""

from __future__ import annotations

import math
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 300, 240  # of one chart, in pixels
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 44, 40  # around where lines are drawn
COLOURS = ("#1f5fa8", "#b3541e")
N_TICKS = 4
STYLE = "font-family: sans-serif; font-size: 11px"


class Series(NamedTuple):
    name: str
    values: list[float]


class Chart(NamedTuple):
    title: str
    axis: str
    places: list[float]
    series: list[Series]


def step(most: float) -> float:
    """A round number of which N_TICKS reach `most`."""
    rough = most / N_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)


def across(chart: Chart, place: float) -> float:
    low, high = math.log(chart.places[0]), math.log(chart.places[-1])
    share = (math.log(place) - low) / (high - low) if high > low else 0.5
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def draw_chart(chart: Chart) -> list[str]:
    tick = step(max(value for series in chart.series for value in series.values))
    unit = (HEIGHT - TOP - BOTTOM) / (tick * N_TICKS)
    floor = HEIGHT - BOTTOM
    parts = [text(WIDTH / 2, 16, chart.title), text(WIDTH / 2, HEIGHT - 6, chart.axis)]
    for i in range(N_TICKS + 1):
        y = floor - i * tick * unit
        parts += [f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ccc"/>',
                  text(LEFT - 6, y + 4, f"{i * tick:g}", "end")]
    parts += [text(across(chart, place), floor + 16, f"{place:,.0f}") for place in chart.places]
    for i, series in enumerate(chart.series):
        points = [(across(chart, place), floor - value * unit) for place, value in zip(chart.places, series.values)]
        parts.append(f'<polyline fill="none" stroke="{COLOURS[i]}" stroke-width="2" points="'
                     + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[i]}"/>' for x, y in points]
        parts.append(text(LEFT + 8 + i * 80, 34, series.name, "start", COLOURS[i]))
    return parts


def draw(charts: list[Chart]) -> str:
    width = WIDTH * len(charts)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
             f'viewBox="0 0 {width} {HEIGHT}" style="{STYLE}">',
             f'<rect width="{width}" height="{HEIGHT}" fill="white"/>']
    for i, chart in enumerate(charts):
        parts += [f'<g transform="translate({i * WIDTH} 0)">', *draw_chart(chart), "</g>"]
    return "\n".join([*parts, "</svg>", ""])
