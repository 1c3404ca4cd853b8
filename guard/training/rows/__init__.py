"""Clean rows, however many: read, described, split in three, encoded."""
