"""JSON, strictly read; which format a document has is told in `guard.decode.json_body`."""
