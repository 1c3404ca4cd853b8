"""multipart/form-data."""
