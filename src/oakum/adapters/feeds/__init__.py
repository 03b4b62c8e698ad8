"""Advisory feeds: fetching in one place, understanding in a pure parser for each source."""
