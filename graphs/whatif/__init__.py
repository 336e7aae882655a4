"""A day of history under another policy, or at other models' prices: what would have been allowed, asked or refused.

The real coordinator runs the day's tasks again on a log of their own (`log`), which lies over the real one and never
writes to it. Models, tools and outside systems answer from the record (`tape`, `world`), and so does the operator
wherever the same card still appears (`operator`).
"""

from graphs.whatif.change import Change
from graphs.whatif.day import DayComparison, what_if_day
from graphs.whatif.measures import ASSUMED, Measures

__all__ = ["ASSUMED", "Change", "DayComparison", "Measures", "what_if_day"]
