"""NIST's National Vulnerability Database."""
