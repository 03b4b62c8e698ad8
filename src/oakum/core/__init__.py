"""The patch process, as values and pure functions: no I/O, no clock, no chance."""
