"""Open Inference Protocol V2, as JSON and with binary tensors."""
