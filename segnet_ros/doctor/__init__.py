"""What is wrong with this machine, and what to do: one small file per area."""
