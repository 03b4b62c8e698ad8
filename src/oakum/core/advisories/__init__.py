"""What distributions and public lists say about vulnerabilities."""
