"""Training and evaluation: data sets, augmentation, the supervised loop, metrics, and the cards they end in."""
