"""Asking a host everything in one round trip."""
