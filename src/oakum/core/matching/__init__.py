"""Which vulnerabilities really expose which host."""
