"""What a person decides about results: decisions, how far an edit changed a mask, cases of a batch, training sets."""

from .agreement import Agreement, compare
from .cases import Case, find_cases
from .decisions import Decision, Review, read_csv, write_csv
from .training_set import Exported, ReviewedCase, export_training_set

__all__ = [
    "Agreement",
    "Case",
    "Decision",
    "Exported",
    "Review",
    "ReviewedCase",
    "compare",
    "export_training_set",
    "find_cases",
    "read_csv",
    "write_csv",
]
