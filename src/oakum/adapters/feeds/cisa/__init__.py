"""What CISA publishes: the KEV catalogue and enriched CVE records."""
