"""Policy tables from files."""
