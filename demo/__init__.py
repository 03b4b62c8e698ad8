"""The whole loop on real hosts, narrated: `make demo`."""
