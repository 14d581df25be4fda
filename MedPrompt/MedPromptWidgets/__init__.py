"""The parts of the MedPrompt panel, one file each, and the background work they share.

Importing it imports Qt and 3D Slicer and nothing that may be missing; MedPromptLib is imported where it is needed.
"""
