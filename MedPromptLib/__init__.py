"""MedPrompt: a prompt becomes a plan, the plan runs on local weights, the results become nodes in a Slicer scene."""
