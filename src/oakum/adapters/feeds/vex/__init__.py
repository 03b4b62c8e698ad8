"""VEX documents: CSAF and OpenVEX."""
