"""Texts of language models' requests."""
