"""Alpine's security database."""
