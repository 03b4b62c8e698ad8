"""Debian's security tracker."""
