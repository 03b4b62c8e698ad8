"""Signatures of our own, and whose of others count."""
