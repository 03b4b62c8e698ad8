"""How long releases are supported."""
