"""Several images of one examination: which is which, whether they lie over one another, and how they come together."""
