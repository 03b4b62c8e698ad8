"""One store a noun, each over a connection that a unit of work opened."""
