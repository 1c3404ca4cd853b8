"""The user's own decoder."""
