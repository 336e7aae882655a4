"""What a person who opens Dagster's page looks for first, in one place: what waits, who owes, what it cost, what is
wrong."""
