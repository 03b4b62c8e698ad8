"""Exactly what will change, where, when, in which order, and how it is undone."""
