"""From pictures to a fused picture: arrays, files, folders."""
