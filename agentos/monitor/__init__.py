"""Monitoring: what in the views the operator would want to be told, told once, and over by itself when it is over."""
