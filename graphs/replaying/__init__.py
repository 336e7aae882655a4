"""What a replay runs on: a log that shows only what was made again, and a world that answers from the record."""
