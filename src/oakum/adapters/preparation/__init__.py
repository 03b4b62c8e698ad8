"""Preparing hosts: files, an account and the one right that it gets."""
