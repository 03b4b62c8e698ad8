"""Reports of other scanners."""
