"""Language knowledge that other rooms share; so far, sentence embeddings."""
