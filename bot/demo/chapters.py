"""The days of autumn 2025 that each part of the scenario stands for, by offset in market time."""

from bisect import bisect_right

CHAPTERS = (
    (0, "6 October: the peak, 126,223"),
    (14 * 60, "10 October: calm, 122,000"),
    (22 * 60, "10 October: from 122,000 to 105,000 inside minutes"),
    (42 * 60, "October: recovery to about 115,000"),
    (74 * 60, "November: the slide to 100,000"),
    (108 * 60, "14 November: through 100,000 and 95,000"),
    (142 * 60, "20 November: towards 85,000"),
    (158 * 60, "21 November: the last 5 % inside minutes, to 80,600"),
    (162 * 60, "21 November: a small bounce"),
)
BEYOND = (175 * 60 + 1, "made up: a recovery like a V, back to the peak")
"""Only the hedged demo goes on so far."""


def chapter(elapsed_s: float) -> str:
    """What this moment of market time stands for."""
    told = (*CHAPTERS, BEYOND)
    number = bisect_right(told, elapsed_s, key=lambda one: one[0])
    return told[max(0, number - 1)][1]
