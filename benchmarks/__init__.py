"""Measures, side by side with the tools that others use: `make benchmark NAME=…`."""
