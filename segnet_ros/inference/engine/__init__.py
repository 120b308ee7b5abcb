# SPDX-License-Identifier: Apache-2.0
"""TensorRT: engines built from a model's graphs, trusted by fingerprint, run on the GPU."""
