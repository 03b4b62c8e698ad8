"""Package managers, driven through a session: apt."""
