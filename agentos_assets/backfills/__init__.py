"""History replayed, day by day: as it was, and as it might have been."""
