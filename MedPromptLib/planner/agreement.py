"""Two planners, one answer: run what both read alike, ask where they differ, refuse or ask back where neither is sure.

The rules and the language model err on different requests; where they agree they are hardly ever wrong. The thresholds
are data (`policy.json`), chosen on development prompts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from ..catalog import Ability
from ..errors import Cancelled, MissingPackage, WeightCorrupt
from ..plan import Plan, Status
from .batch import decision
from .comparing import deeds, differences
from .decoding import Stopped
from .endpoint import EndpointPlanner
from .local import LanguageDraft, LanguageModelPlanner
from .messages import LEFT_OUT as LEFT_OUT_REASONS
from .messages import NOT_A_REQUEST, NOT_EVALUATED, ONLY_DENIED, OTHER_IMAGES
from .rules import Draft, RulePlanner
from .sequences_named import decided_on_sequences

if TYPE_CHECKING:
    from . import Planner

Decision = Literal["run", "confirm", "clarify", "refuse"]


LEFT_OUT = "A part of the request is left out."
UNCERTAIN = "The reading is not certain."


@dataclass(frozen=True)
class Policy:
    """Thresholds on the language model's certainty (the probability of its least certain word, 0 to 1).

    Attributes:
        agreed: least certainty to run without asking what both planners read alike.
        prefer_model: least certainty to propose the language model's reading where the rules left something out and
            it holds everything they found, and more, or leaves nothing out.
        prefer_clear: least certainty to propose the language model's reading where it is free of doubts and leaves
            nothing out, while the rules doubt theirs and do not hold everything it found.
        ask_on: pieces of doubts about how the request hangs together; with one of these, nothing runs without asking,
            since both planners may have lost the same condition.
        ask_less_on: pieces of the rules' doubts that say that something may not be wanted at all; with one of these the
            language model's reading is proposed if it holds less.
        run_partial: whether what both planners read alike may run without asking if a part of the request that is no
            image analysis is left out, which is then told.
    """

    agreed: float
    prefer_model: float
    prefer_clear: float
    ask_on: tuple[str, ...]
    ask_less_on: tuple[str, ...]
    run_partial: bool

    @classmethod
    def shipped(cls) -> Policy:
        """The policy of this version."""
        values = json.loads((files(__package__) / "policy.json").read_text(encoding="utf-8"))
        values.update({name: tuple(values[name]) for name in ("ask_on", "ask_less_on")})
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Verdict:
    """What to do with a prompt.

    Attributes:
        plan: the proposed plan.
        decision: `run` it, show it and have it confirmed, ask back (`clarify`), or `refuse`.
        reason: one sentence why it is not simply run; empty for `run`.
        readings: every planner's plan by the planner's name, the proposed one's planner first.
        difference: lines of a diff of the two readings (`- ` only the proposed one, `+ ` only the other); empty if
            they agree.
        doubts: what the planners were not sure of.
        notes: what the user should know of the planners, such as that the language model is missing.
        certainty: the language model's, or None if it took no part.
    """

    plan: Plan
    decision: Decision
    reason: str = ""
    readings: tuple[Plan, ...] = ()
    difference: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    certainty: float | None = None

    def question(self) -> str:
        """What to ask the user before the plan may run, in one sentence; for `confirm`."""
        doubts = f" ({self.doubts[0]})" if self.doubts and not self.difference else ""
        return f"{self.reason.rstrip('.')}{doubts}; look at the plan and confirm it, or say the request in other words."


class AgreementPlanner:
    """Plans with the rules and with a language model, and decides by their agreement.

    Args:
        rules: the rule planner.
        model: the language-model planner; None: the rules alone. An `EndpointPlanner` takes part in the same way.
        policy: default: the shipped one.
    """

    name = "agreement"

    def __init__(
        self,
        rules: RulePlanner | None = None,
        model: LanguageModelPlanner | EndpointPlanner | None = None,
        policy: Policy | None = None,
        note: str = "",
    ) -> None:
        self.rules, self.model = rules or RulePlanner(), model
        self.policy = policy or Policy.shipped()
        self._note = note

    @classmethod
    def default(cls) -> AgreementPlanner:
        """With the shipped language model if it is installed; otherwise the rules alone, and a note that says so."""
        from .local import available

        missing = available()
        if missing:
            return cls(note=f"The rules planned alone. {missing}")
        return cls(model=LanguageModelPlanner())

    def plan(self, prompt: str, abilities: Sequence[Ability]) -> Plan:
        """The proposed plan.

        Raises:
            InvalidInput: an empty or overlong prompt.
        """
        return self.decide(prompt, abilities).plan

    def decide(
        self, prompt: str, abilities: Sequence[Ability], cancelled: Callable[[], bool] = lambda: False
    ) -> Verdict:
        """The verdict on a prompt. Where the local language model cannot be used, the rules decide alone and say so.

        Raises:
            InvalidInput: an empty or overlong prompt.
            EndpointFailed: the endpoint that was chosen as the model does not answer, or not with a plan.
            decoding.Stopped: `cancelled` returned True.
        """
        ruled = self.rules.draft(prompt, abilities)
        if self.model is None:
            return _alone(ruled, (self._note,) if self._note else ())
        try:
            if isinstance(self.model, LanguageModelPlanner):
                read = self.model.draft(prompt, abilities, cancelled)
            else:
                read = LanguageDraft(self.model.plan(prompt, abilities), (), (), 1.0)
        except (MissingPackage, WeightCorrupt) as error:
            return _alone(ruled, (f"The rules planned alone. {error}",))
        return weighed(ruled, read, abilities, self.policy)


def decided(
    planner: Planner,
    prompt: str,
    abilities: Sequence[Ability],
    cancelled: Callable[[], bool] = lambda: False,
    images: Sequence[str] = (),
) -> Verdict:
    """The verdict of any planner; one that only plans is judged by its doubts, if it tells them, and its omissions.

    Args:
        images: the sequences of an examination that the request is about, if they are known.

    Raises:
        InvalidInput: an empty or overlong prompt.
        Cancelled: `cancelled` returned True.
    """
    if any(ability.sequences for ability in abilities):
        return decided_on_sequences(lambda p: _decided(planner, p, abilities, cancelled), prompt, abilities, images)
    return _decided(planner, prompt, abilities, cancelled)


def _decided(planner: Planner, prompt: str, abilities: Sequence[Ability], cancelled: Callable[[], bool]) -> Verdict:
    try:
        if isinstance(planner, AgreementPlanner):
            return planner.decide(prompt, abilities, cancelled)
        if isinstance(planner, RulePlanner):
            return _alone(planner.draft(prompt, abilities), ())
        if isinstance(planner, LanguageModelPlanner):
            read = planner.draft(prompt, abilities, cancelled)
            least = Policy.shipped().prefer_model
            doubts = read.doubts if read.certainty >= least else (*read.doubts, "the language model was not certain")
            return replace(_alone(Draft(read.plan, doubts), ()), certainty=read.certainty)
        return _alone(Draft(planner.plan(prompt, abilities), ()), ())
    except Stopped:
        raise Cancelled("The planning was cancelled.") from None


def weighed(ruled: Draft, read: LanguageDraft, abilities: Sequence[Ability], policy: Policy) -> Verdict:
    """The verdict on two drafts; pure, so that a policy can be tried on recorded drafts."""
    same = deeds(ruled.plan, abilities) == deeds(read.plan, abilities)
    doubts = tuple(dict.fromkeys((*ruled.doubts, *read.doubts)))
    if not same:
        return _differing(ruled, read, abilities, policy, doubts)
    # words that one of them could not read are no part of the request if the other read them
    ruled_first = ruled.plan.status is Status.OK or read.plan.status is not Status.OK
    plans = (ruled.plan, read.plan) if ruled_first else (read.plan, ruled.plan)
    plan = plans[0]
    common = Verdict(plan, "run", readings=plans, doubts=doubts, certainty=read.certainty)
    if not plan.pipeline:
        return replace(common, decision=_nothing(plan), reason=plan.message)
    if not all(policy.run_partial and harmless(p, doubts) for p in plans if p.status is Status.PARTIAL):
        return replace(common, decision="confirm", reason=LEFT_OUT)
    if read.certainty < policy.agreed or any(piece in doubt for doubt in doubts for piece in policy.ask_on):
        return replace(common, decision="confirm", reason=UNCERTAIN)
    return common


def harmless(plan: Plan, doubts: Sequence[str]) -> bool:
    """Whether all that a plan leaves out was understood: a term that is known and not served, or no image analysis.

    Words that are not known, or not clear, are another matter: both planners look terms up in one vocabulary, so where
    it has a gap, their agreement says little. A weight for other images may have been given the images of another task.
    """
    unclear = (LEFT_OUT_REASONS["unknown"], NOT_EVALUATED)
    return not doubts and not any(
        o.reason in unclear or o.reason.endswith("?") or OTHER_IMAGES in o.reason for o in plan.omissions
    )


def _differing(
    ruled: Draft, read: LanguageDraft, abilities: Sequence[Ability], policy: Policy, doubts: tuple[str, ...]
) -> Verdict:
    # the rules miss what they do not know; what they find, they seldom misread without a doubt
    found, wanted = deeds(ruled.plan, abilities), deeds(read.plan, abilities)
    whole = read.plan.status is Status.OK and not wanted < found
    gaps = ruled.plan.status is not Status.OK and not _no_request(ruled.plan)
    more = gaps and (found < wanted or whole)
    # where the rules saw that something may not be wanted, the reading that holds less
    denied = any(piece in doubt for doubt in ruled.doubts for piece in policy.ask_less_on)
    less = denied and bool(wanted) and wanted < found
    clearer = less or (whole and bool(ruled.doubts) and not read.doubts and not (denied and found < wanted))
    prefers = (more and read.certainty >= policy.prefer_model) or (clearer and read.certainty >= policy.prefer_clear)
    first, second = (read.plan, ruled.plan) if prefers else (ruled.plan, read.plan)
    verdict = Verdict(
        first,
        "confirm",
        "The two planners read the request differently.",
        (first, second),
        differences(first, second, abilities),
        doubts,
        certainty=read.certainty,
    )
    if not first.pipeline:
        return replace(verdict, decision=_nothing(first), reason=first.message)
    return verdict


def _no_request(plan: Plan) -> bool:
    """Whether the rules understood a prompt well enough to know that nothing in it is asked of an image."""
    said = {o.reason for o in plan.omissions} or {plan.message}
    reasons = (LEFT_OUT_REASONS["address"], ONLY_DENIED)
    return plan.status is Status.REFUSED and all(r in reasons or r.startswith(NOT_A_REQUEST) for r in said)


def _alone(ruled: Draft, notes: tuple[str, ...]) -> Verdict:
    verdict = Verdict(ruled.plan, "run", readings=(ruled.plan,), doubts=ruled.doubts, notes=notes)
    if not ruled.plan.pipeline:
        return replace(verdict, decision=_nothing(ruled.plan), reason=ruled.plan.message)
    if decision(ruled.plan, ruled.doubts) == "run":
        return verdict
    reason = LEFT_OUT if ruled.plan.status is Status.PARTIAL else UNCERTAIN
    return replace(verdict, decision="confirm", reason=reason)


def _nothing(plan: Plan) -> Decision:
    return "clarify" if plan.status is Status.CLARIFY else "refuse"
