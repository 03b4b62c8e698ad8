"""Package archives and the frozen snapshots made of them."""
