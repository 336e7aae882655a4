"""What the terminal shows, as pure functions from plain data to lines of text."""
