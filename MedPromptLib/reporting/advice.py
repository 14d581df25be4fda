"""Recognises requests for treatment advice, which no report gives."""

from __future__ import annotations

import re

_WORDS = re.compile(
    r"\b(?:treat(?:ment|ments|ed|ing)?|therap(?:y|ies|eutic)|medicat\w*|medicine|prescri\w+|antibiotic\w*|dos(?:e|es|age)|"
    r"surger(?:y|ies)|operate on|chemotherap\w*|radiotherap\w*|manage(?:ment)? plan|"
    r"recommend\w* (?:a |the )?(?:drug|next step|management)|"
    r"behand\w+|therapie\w*|medikament\w*|antibiotik\w*|dosis|operier\w*|operation|verschreib\w*|"
    r"trat(?:ar|amiento|amientos)|terapia\w*|medicament\w*|antibiótico\w*|antibiotico\w*|cirug[ií]a|recetar?)\b"
    r"|治疗|治療|用药|吃药|药物|手术|抗生素|化疗|放疗|剂量|处方",
    re.IGNORECASE,
)


def asks_for_treatment(request: str) -> bool:
    """Whether a request has words of treatment in English, German, Spanish or Chinese; rather once too often."""
    return _WORDS.search(request) is not None
