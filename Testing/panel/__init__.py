"""Tests of the panel in 3D Slicer, on the stand-in for the desktop."""
