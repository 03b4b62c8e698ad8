"""The store of frozen snapshots."""
