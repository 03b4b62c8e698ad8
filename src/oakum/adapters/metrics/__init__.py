"""Reading metrics."""
