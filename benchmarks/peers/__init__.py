"""Other programs that judge a host, fed with the same statements as Oakum."""
