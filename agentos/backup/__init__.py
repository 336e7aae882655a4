"""Backup and restore of a workspace. It rewinds the log, not the world: see docs/how-to/back-up-and-restore.md."""
