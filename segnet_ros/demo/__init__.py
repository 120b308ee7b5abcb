"""The main job end to end: replay, node, recording, report."""
