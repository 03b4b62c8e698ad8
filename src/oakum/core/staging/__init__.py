"""Judging a change before production sees it: checks, twins, verdicts."""
