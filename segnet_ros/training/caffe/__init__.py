"""Networks that the SegNet authors released for Caffe."""
