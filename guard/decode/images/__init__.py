"""Images, as a body or within JSON, to uint8 arrays."""
