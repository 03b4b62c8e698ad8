"""Where a person or a program enters."""
