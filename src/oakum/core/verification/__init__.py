"""Whether what was planned is what now runs."""
