# SPDX-License-Identifier: Apache-2.0
"""Networks that the SegNet authors released for Caffe."""
