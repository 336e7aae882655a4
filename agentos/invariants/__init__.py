"""Every invariant of the design, written down once: what must hold in any log, whatever crashed on the way.

One file a family; each invariant is a function whose docstring is what `agentos log check --list` prints.
"""
