"""Running hooks on hosts and on the controller."""
