"""Locks between commands."""
