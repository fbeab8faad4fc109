"""Functions in other frameworks: JAX, layers for networks of others, and ONNX."""
