"""Sizes: an order to measure an area or a volume is an order for a mask, whose size the results table gives."""

from __future__ import annotations

from dataclasses import replace

from .items import Item
from .lexicon import Lexicon
from .words import word_set

_SIZES = word_set(
    """
    area areas volume volumes size sizes volumen tamano superficie grosse flache taille surface tamanho
    体积 面积 大小 体積 面積 大きさ
    """
)
_MEASURING = word_set(
    """
    measure measuring quantify estimate calculate mide mida medir calcula estima messe
    miss messen berechne mesure mesurez mesurer calcule calculez estime meca calcular 测量 计算 测定 計測 測定
    """
)
_ASKING = ("OTHER", "CLS", "RUN")


def sizes(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Read "measure the volume of the left kidney" and "the size of the liver" as orders for a mask."""
    items = list(items)
    for index, item in enumerate(items):
        report = item.kind == "OTHER" and item.text == "report the volume"
        if (item.text not in _SIZES and not report) or item.kind not in ("W", "IMG", "ASPECT", "OTHER"):
            continue
        asked = report or any(i.kind in _ASKING for i in items[:index])
        if _of_organ(items, index, lexicon) or (asked and _after_organ(items, index, lexicon)):
            items[index] = replace(item, kind="SEG", form="n")
            for place in range(index):
                if items[place].kind == "OTHER" and items[place].text in _MEASURING:
                    items[place] = replace(items[place], kind="RUN")
    return items


def _of_organ(items: list[Item], index: int, lexicon: Lexicon) -> bool:
    before = items[index - 1] if index else None
    if before is not None and (before.kind == "M" or before.text in {"this", "these"}):
        return False
    after = [i for i in items[index + 1 :] if not i.is_small][:2]
    return len(after) == 2 and after[0].kind == "PREP" and _is_organ(after[1], lexicon)


def _after_organ(items: list[Item], index: int, lexicon: Lexicon) -> bool:
    before = [i for i in items[:index] if not i.is_small and i.kind != "PREP"]
    return bool(before) and _is_organ(before[-1], lexicon)


def _is_organ(item: Item, lexicon: Lexicon) -> bool:
    return item.kind == "T" and lexicon.vocabulary.concept(item.concepts[0]).kind != "region"
