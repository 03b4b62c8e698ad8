"""Upstream package archives."""
