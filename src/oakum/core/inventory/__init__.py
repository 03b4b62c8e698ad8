"""What runs on each host, as the host itself reports it."""
