"""Weights: those that ship, those of a training, published checkpoints."""
