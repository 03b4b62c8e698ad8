"""Data that ships with Oakum: advisories and policies, each with its source, date and licence."""
