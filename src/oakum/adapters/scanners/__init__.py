"""Reports of other scanners: what their bytes mean."""
