"""What FIRST publishes."""
