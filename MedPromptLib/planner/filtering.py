"""Filters that a prompt asks for before its analysis: "denoise, then …", "apply CLAHE", "用骨窗".

They are read before the rest: their words are blanked, so that what is left is planned as if they were not there. What
is only described ("the denoised scan"), denied, or hangs on a condition is no such request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..filter_steps import BiasField, Clahe, CurvatureFlow, NonLocalMeans, Standardise, Window
from ..plan import Omission, Plan, Preprocessing, Status
from .text import MARKS

ALONE = (
    "A filter alone is no analysis; say what to outline or look for in the filtered image, or use `medprompt filter`."
)


def _any(phrases: str) -> str:
    """One pattern of phrases that stand a line each."""
    return "(?:" + "|".join(line.strip() for line in phrases.splitlines() if line.strip()) + ")"


_OF_IMAGE = r"(?:the |this |my )?(?:image|scan|volume|picture|slice|film|data)s?"
_PRESETS = {
    "lung": r"lung|pulmonary|lungen|pulmón|pulmonar|pulmonaire|肺",
    "bone": r"bone|bony|knochen|ósea|osea|hueso|osseuse|óssea|骨",
    "brain": r"brain|hirn|gehirn|cerebral|cerebro|cérébrale|脑|脳",
    "liver": r"liver|leber|hígado|hepática|hépatique|肝",
    "mediastinum": r"mediastinal|mediastinum|mediastínica|mediastino|médiastinale|soft[ -]tissue|weichteil|纵隔|縦隔",
    "abdomen": r"abdominal|abdomen|bauch|腹部|腹",
}
_PRESET = f"(?P<preset>{'|'.join(_PRESETS.values())})"
_USE = _any(
    """
    apply|use|using|set|choose|with|switch to
    wende|nutze|verwende|mit
    aplica|usa|usando|con
    applique[rz]?|utilise[rz]?|avec
    aplique|com
    """
)
_NUMBER = r"(?P<{}>[-−]?\d{{1,4}}(?:\.\d+)?)(?: ?HU)?"

_NON_LOCAL_MEANS = _any(
    rf"""
    (?:denois(?:e|ing) (?:(?:it|{_OF_IMAGE}) )?(?:with|using|by|via) )?non-?local[ -]means(?: (?:denoising|filter))?
    nlm[ -](?:filter|denoising)
    nicht-?lokale mittelwerte
    非局部均值(?:去噪|滤波)?
    """
)
_DENOISE = _any(
    rf"""
    denois(?:e|ing)
    (?:reduce|remove|suppress|filter out|lower) (?:the |its )?noise
    noise (?:reduction|removal|suppression)
    smooth(?:en|ing)? (?:it|{_OF_IMAGE})
    curvature[ -]flow(?: (?:filter(?:ing)?|denoising|smoothing))?
    entrausch(?:en|e)
    rausch(?:unterdrückung|reduktion|minderung)
    (?:entferne|reduziere|mindere|unterdrücke)n? (?:das |bitte das )?rauschen
    rauschen (?:zu )?(?:entfernen|reduzieren|mindern|unterdrücken)
    (?:elimina|quita|reduce|suprime|filtra)r? (?:el )?ruido
    reducción de(?:l)? ruido
    débruit(?:e|er|ez|age)\b
    (?:réduis|réduire|réduisez|supprime[rz]?|enlève[rz]?) le bruit
    réduction du bruit
    (?:remova|remover|reduza|reduzir|elimine) o ruído
    redução d[eo] ruído
    (?:对图像|对影像|给图像|将图像)?(?:进行)?(?:去噪声?|降噪|除噪|消噪)(?:处理)?
    去除噪[声音]
    ノイズ(?:を)?(?:除去|低減)(?:し)?
    """
)
_CONTRAST = _any(
    r"""
    clahe\b
    (?:contrast[ -]limited )?adaptive histogram equali[sz]ation
    local contrast enhancement
    (?:enhance|improve|boost|increase|raise) (?:the |its )?(?:local )?contrast(?! agent)
    (?:verstärke|erhöhe|verbessere)n? den (?:lokalen )?kontrast
    den (?:lokalen )?kontrast (?:zu )?(?:verstärken|erhöhen|verbessern)
    histogrammausgleich
    (?:mejora|aumenta|realza)r? el contraste
    ecualización (?:adaptativa )?del? histograma
    (?:améliore|augmente|rehausse)[rz]? le contraste
    égalisation (?:adaptative )?d['’]histogramme
    (?:melhore|melhorar|aumente|aumentar) o contraste
    (?:自适应)?直方图均衡化?
    (?:增强|提高)(?:局部)?对比度
    对比度增强
    コントラスト(?:を)?強調(?:し)?
    """
)
_BIAS_FIELD = _any(
    r"""
    (?:correct|remove|fix)(?:ing)? (?:for )?(?:the |its )?(?:bias[ -]?field|(?:intensity )?inhomogeneit(?:y|ies))
    (?:n4(?:itk)? )?bias[ -]?field correction
    n4(?:itk)? (?:correction|filter)
    inhomogeneity correction
    (?<=apply )n4(?:itk)?\b
    (?<=run )n4(?:itk)?\b
    n4itk\b
    (?:korrigiere|entferne)n? das bias-?feld
    bias-?feld-?korrektur
    das bias-?feld (?:zu )?korrigieren
    inhomogenitätskorrektur
    (?:corrige|corregir) el campo de (?:sesgo|bias)
    corrección del (?:campo de )?(?:sesgo|bias)
    corrige[rz]? le champ de biais
    correction du champ de biais
    (?:corrija|corrigir) o campo de (?:viés|bias)
    correção do campo de (?:viés|bias)
    (?:进行|做)?(?:n4)?偏[置差]?场校正
    校正偏[置差]?场
    バイアス(?:場|フィールド)(?:を)?補正(?:し)?
    """
)
_STANDARDISE = _any(
    rf"""
    (?:standardi[sz]|normali[sz])(?:e|ing) (?:the |its )?(?:intensit(?:y|ies)|gr[ea]y values|{_OF_IMAGE})
    z-?score (?:normali[sz]ation|standardi[sz]ation)
    intensity (?:normali[sz]ation|standardi[sz]ation)
    (?:standardisiere|normalisiere|normiere)n? (?:das bild|die intensitäten|die grauwerte)
    (?:normaliza|estandariza)r? (?:la imagen|las intensidades|la intensidad)
    normalise[rz]? (?:l['’]image|les intensités)
    (?:normalize|padronize) as? (?:imagem|intensidades)
    (?:强度|灰度|图像)?(?:标准化|归一化)
    """
)
_WINDOWS = (
    rf"{_USE} (?:an? |the |das |ein |la |el |una |une |o )?{_PRESET}[ -]?(?:window(?:ing)?|fenster)",
    rf"{_USE} (?:la |una |une |a |uma )?(?:ventana|fenêtre|janela) (?:de |del |d[eo] )?{_PRESET}",
    rf"(?:用|使用|采用|应用|调[到至为]|设为){_PRESET}窗口?",
    rf"(?:(?:use|apply|set|with) (?:a )?)?(?:window )?(?P<order>level|width) (?:of |to )?{_NUMBER.format('a')},? "
    rf"(?:and )?(?:a )?(?:window )?(?:level|width) (?:of |to )?{_NUMBER.format('b')}",
)


def _window(match: re.Match[str]) -> Window:
    """The preset or the numbers that were named."""
    said = match.groupdict()
    if said.get("preset"):
        word = said["preset"].lower()
        return Window(preset=next(name for name, words in _PRESETS.items() if re.fullmatch(words, word)))
    first, second = (float(said[key].replace("−", "-")) for key in ("a", "b"))
    level, width = (first, second) if said["order"].lower() == "level" else (second, first)
    return Window(level=level, width=width)


def _compiled(pattern: str) -> re.Pattern[str]:
    """A whole word or more; "denoised" and "bias-corrected" only describe."""
    return re.compile(rf"(?<![A-Za-zÀ-ÿ])(?:{pattern})(?!(?:d\b|[ -]corrected\b))", re.IGNORECASE)


_ASKS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Any]], ...] = (
    (_compiled(_NON_LOCAL_MEANS), lambda _: NonLocalMeans()),
    (_compiled(_DENOISE), lambda _: CurvatureFlow()),
    (_compiled(_CONTRAST), lambda _: Clahe()),
    (_compiled(_BIAS_FIELD), lambda _: BiasField()),
    (_compiled(_STANDARDISE), lambda _: Standardise()),
    *((_compiled(pattern), _window) for pattern in _WINDOWS),
)
_LEADING = _any(
    """
    please|first|also|kindly|but|and|a|an|the|by|with|in|set|to|switch|choose
    after|apply|applying|use|using|run|perform|do
    bitte|zuerst|zunächst|nach|wende|führe|nutze|verwende|mit|im|eine|einen|die
    por favor|primero|tras|después de|aplica|aplicar|usa|usando|haz|con|una|un|la
    d['’]abord|après|applique[rz]?|utilise[rz]?|fais|avec|une
    primeiro|depois de|aplique|faça|com|uma
    请|先|首先|把|对图像|进行|做|用|使用|应用
    """
)
_BEFORE = re.compile(rf"(?<![^\W\d_])(?:{_LEADING}\s*)+$", re.IGNORECASE)
_AFTER = re.compile(
    rf"\s*(?:(?:(?:to|on|of|for|auf|an) )?(?:it|them|{_OF_IMAGE}|das bild|die aufnahme|la imagen|l['’]image|a imagem)\b"
    r"|(?:图像|影像)|(?:first|zuerst|primero|durch|an|to|on|of)\b)*",
    re.IGNORECASE,
)
_JOINT = _any(
    r"""
    [,;:.→>]|-+>
    (?:and|then|afterwards|before|prior to)\b
    (?:und|dann|danach|anschließend|bevor)\b
    (?:y|luego|después|et|puis|ensuite|e|depois|em seguida)\b
    然后|再|之后|后|并且|并|，|。|、|次に|それから|て
    """
)
_JOINTS = re.compile(rf"^\s*(?:{_JOINT}\s*)+", re.IGNORECASE)
_NO = _any(
    """
    do not|don['’]?t|never|without|no|not|skip|avoid|instead of|rather than|before
    ohne|keine?n?|nicht|vor
    sin|sans|pas(?: de)?|ne|sem|não|nunca
    """
)
_DENIED = re.compile(
    rf"(?:\b{_NO}\b(?: (?:the|any|apply|applying|use|using|need to|to|a|an|de|du|la|el))*"
    r"|不要|不用|不需要|无需|别|勿)\s*$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"^\s*(?:it |the image |das bild |im bild )?(?:(?:not|nicht)\b|しない|しなくて)", re.IGNORECASE
)
_OPEN = _any(
    """
    if|unless|when|whether|should|can|could you tell|does|is|was|were|has|have|had|already|why|what|how|explain
    falls|wenn|ob|bereits|schon
    si|cuando|quand|se|caso|ya|déjà|já
    """
)
_CONDITION = re.compile(rf"(?:\b{_OPEN}\b|如果|若|是否|已经?|もし)", re.IGNORECASE)
_POLITE = re.compile(r"\b(?:can|could|would|will) (?:you|we|i)\b(?: please)?", re.IGNORECASE)
_ALREADY = re.compile(r"^\W*(?:(?:was|were|has|have|had|is|are|ist|wurde|está|est|foi)\b|已)", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A prompt's filters, in its order, and its text without them (blanked, of the same length)."""

    text: str
    steps: tuple[Preprocessing, ...]


def without_filters(text: str) -> Asked:
    """Read the filters that a text asks for.

    Args:
        text: the prompt, without foreign stretches.
    """
    found: list[tuple[int, int, Preprocessing]] = []
    spans: list[tuple[int, int]] = []
    for pattern, make in _ASKS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < b and a < end for a, b in spans):
                continue
            spans.append((start, end))
            clause = _POLITE.sub("", re.split(r"[.;!?\n。；！？]", text[:start])[-1])
            if _CONDITION.search(clause) or _ALREADY.search(text[end:]):
                continue
            words = text[start:end].strip(MARKS)
            denied = _DENIED.search(text[:start])
            if denied:
                if denied.group().strip().lower() not in ("before", "vor"):
                    found.append((denied.start(), end, Preprocessing(filter=make(match), span="")))
                continue
            if _DENIED_AFTER.match(text[end:]):
                continue
            before = _BEFORE.search(text[:start])
            after = _AFTER.match(text, end)
            found.append(
                (
                    before.start() if before else start,
                    after.end() if after else end,
                    Preprocessing(filter=make(match), span=words),
                )
            )
    if not found:
        return Asked(text, ())
    rest = list(text)
    for start, end, _ in found:
        rest[start:end] = " " * (end - start)
    left = "".join(rest)
    while (joint := _JOINTS.match(left)) and joint.group().strip():
        left = " " * joint.end() + left[joint.end() :]
    steps = [step for _, _, step in sorted(found, key=lambda item: item[0]) if step.span]
    return Asked(left, tuple(steps))


def with_filters(plan: Plan, asked: Asked) -> Plan:
    """A plan of the text without its filters, with them; what was left out only because of their words is not."""
    if not asked.steps or not plan.pipeline:
        return plan
    spans = [step.span.lower() for step in asked.steps]

    def is_filter(omission: Omission) -> bool:
        return any(span in omission.text.lower() or omission.text.lower() in span for span in spans)

    omissions = tuple(o for o in plan.omissions if not is_filter(o))
    status = Status.OK if plan.status is Status.PARTIAL and not omissions else plan.status
    return plan.model_copy(update={"preprocessing": asked.steps, "omissions": omissions, "status": status})


def alone(plan: Plan, asked: Asked) -> Plan:
    """The plan of a prompt that asks for filters and nothing else: it says so where it would only refuse."""
    if asked.steps and not plan.pipeline and plan.status is Status.REFUSED:
        return plan.model_copy(update={"message": ALONE})
    return plan
