"""Errata that rpm repositories carry."""
