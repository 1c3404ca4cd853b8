"""JSON: strictly read, then by the first format that fits."""
