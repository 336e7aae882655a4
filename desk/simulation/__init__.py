"""A plausible quarter of a solo business, made by the real program: scripted are the operator, the models, what breaks
outside, and the clock. Nothing is reached over a network.

`business` says who the clients are and what is asked for, `operator` how she answers, `models` and `outside` what the
world does, `quarter` plays it day by day.
"""
