"""Pure functions on arrays: colour, filters, windows."""
