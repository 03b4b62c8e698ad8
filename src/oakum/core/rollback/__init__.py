"""Going back to exactly what was."""
