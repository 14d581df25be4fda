"""Language knowledge that other rooms share: descriptions in words, and their embeddings and token states."""
