"""TensorRT: engines built from a model's graphs, trusted by fingerprint, run on the GPU."""
