"""What must hold in every view: a Great Expectations suite each, beside `agentos/invariants`, which holds any log.

Only `great.py` imports Great Expectations, which takes seconds: nothing here imports it before something is checked.
"""
