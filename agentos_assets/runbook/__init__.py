"""The living runbook: what every part is for, how it fails, how it is unwound, what to do; and how it stands."""
