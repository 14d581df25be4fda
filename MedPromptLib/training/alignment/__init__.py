"""Alignment of an image tower with a text tower on labelled images and captions made of the knowledge bank."""
