"""What to do first, by when, and why."""
