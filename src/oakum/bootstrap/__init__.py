"""Choose the adapters, once, and hand them to the services."""
