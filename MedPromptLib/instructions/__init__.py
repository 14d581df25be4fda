"""What a network is told of an image in words: measured, put into sentences, joined with knowledge of structures.

Nothing here knows of plans, nodes or training. The same image gives the same instruction; nothing leaves the machine.
"""
