"""endoflife.date."""
