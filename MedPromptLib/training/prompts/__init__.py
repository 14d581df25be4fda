"""Synthetic requests with their readings, for training the planner's language model."""
