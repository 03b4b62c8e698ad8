"""Asking declared checks."""
