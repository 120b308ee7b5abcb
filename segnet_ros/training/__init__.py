"""The workshop: architectures, recipes, training and export. PyTorch stays in this room."""
