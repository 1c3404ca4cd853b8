"""CSV, read strictly."""
