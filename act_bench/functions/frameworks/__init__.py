"""Functions in other frameworks: JAX and ONNX."""
