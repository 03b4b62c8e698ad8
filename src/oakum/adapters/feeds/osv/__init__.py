"""OSV records, in which many vendors publish."""
