"""The ONNX graph of a detector, section by section."""
