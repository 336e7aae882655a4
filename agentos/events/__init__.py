"""The append-only event log: the one truth. Views, tasks and memory are folds over it."""
