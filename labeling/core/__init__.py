"""Pure functions: arrays and frames in, arrays and frames out. No file, clock or global seed."""
