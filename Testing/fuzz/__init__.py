"""Broken and hostile input for everything that MedPrompt reads, and the runner that watches what happens with it."""
