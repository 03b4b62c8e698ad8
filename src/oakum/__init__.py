"""Oakum keeps fleets of Linux servers patched, and can prove it."""
