"""Scores of folders and of models, and their tables."""
