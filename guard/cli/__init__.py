"""The `guard` command."""
