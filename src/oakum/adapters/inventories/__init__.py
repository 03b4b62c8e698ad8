"""Reading lists of hosts that other programs keep."""
