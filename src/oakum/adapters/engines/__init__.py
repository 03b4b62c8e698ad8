"""Engines: what delivers the work of a rollout."""
