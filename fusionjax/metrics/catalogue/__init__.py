"""What there is to know of every metric: a row each, by family."""
