"""What holds for any input, tried with hypothesis."""

from __future__ import annotations

import itertools
import json

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from weights_for_tests import a_card

from MedPromptLib.catalog import Preprocessing
from MedPromptLib.errors import InvalidInput, PlanRejected, printable
from MedPromptLib.images import MedicalImage
from MedPromptLib.inference.preprocessing import prepare, restore, standardise
from MedPromptLib.inference.storage import expand, quantise
from MedPromptLib.inference.volume_geometry import grid_of
from MedPromptLib.plan import Intent, Plan, Status, Task, load_plan
from MedPromptLib.planner import RulePlanner, decided

quick = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
ABILITIES = (
    a_card("lungs_seg_cxr").ability,
    a_card("tb_cls_cxr", classes=("no", "tb"), positive=("tb",), target="tb").ability,
)
REAL = (np.uint8, np.int16, np.uint16, np.int32, np.uint64, np.float32, np.float64)


@quick
@given(st.text(max_size=300) | ANY_JSON.map(json.dumps))
def test_a_plan_is_read_or_rejected(text: str) -> None:
    try:
        plan = load_plan(text)
    except PlanRejected:
        return
    assert load_plan(plan.model_dump_json()) == plan


@quick
@given(
    st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(1, 8)), max_size=8, unique_by=lambda pair: pair[0])
)
def test_tasks_come_after_those_they_need_or_the_plan_is_rejected(pairs: list[tuple[int, int | None]]) -> None:
    tasks = tuple(Task(id=n, intent=Intent.SEGMENTATION, target="x", dependency=needed) for n, needed in pairs)
    plan = Plan(prompt="x", status=Status.OK, pipeline=tasks)
    try:
        order = [task.id for task in plan.ordered()]
    except PlanRejected:
        needs = dict(pairs)
        for start in needs:  # some way leads nowhere or in a circle
            seen, at = set(), start
            while at is not None and at in needs and at not in seen:
                seen.add(at)
                at = needs[at]
            if at is not None:
                return
        raise
    assert sorted(order) == sorted(n for n, _ in pairs)
    assert all(order.index(needed) < order.index(n) for n, needed in pairs if needed is not None)


@quick
@given(st.text(max_size=120))
def test_any_request_becomes_a_plan_that_survives_being_saved(prompt: str) -> None:
    try:
        plan = decided(RulePlanner(), prompt, ABILITIES).plan
    except InvalidInput:
        return
    assert load_plan(plan.model_dump_json()) == plan
    known = {ability.target for ability in ABILITIES} | {ability.id for ability in ABILITIES}
    assert all(task.target in known or task.weight_name in known for task in plan.pipeline)


@quick
@given(
    st.sampled_from(REAL).flatmap(
        lambda kind: arrays.arrays(
            kind,
            st.tuples(st.integers(1, 2), st.integers(1, 40), st.integers(1, 40)),
            elements=arrays.from_dtype(np.dtype(kind))
            if np.dtype(kind).kind != "f"
            else st.floats(-(2.0**96), 2.0**96, width=32),
        )
    ),
    st.sampled_from(("percentile", "uint8", "raw255", "minmax", "zscore")),
)
def test_networks_are_fed_finite_numbers_whatever_the_pixels(pixels: np.ndarray, intensity: str) -> None:
    recipe = Preprocessing(size=(16, 24), intensity=intensity)
    x = standardise(prepare(pixels, recipe), recipe)
    assert x.shape == (len(pixels), 3, 16, 24)
    assert torch.isfinite(x).all()
    assert restore(x, pixels.shape[1:]).shape[2:] == pixels.shape[1:]


@quick
@given(
    st.sampled_from(list(itertools.permutations(range(3)))),
    st.tuples(*[st.sampled_from((-1, 1))] * 3),
    st.tuples(*[st.floats(0.3, 4)] * 3),
    st.sampled_from(("RAS", "LPS", "SAR", "")),
    st.sampled_from(("orientation", "coarsest")),
)
def test_a_volume_turned_for_a_network_returns_to_where_it_was(axes, signs, lengths, orientation, k_axis) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = (np.eye(3)[list(axes)] * signs).T * lengths
    array = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    grid = grid_of(MedicalImage(array, matrix), Preprocessing(size=(2, 2, 2), orientation=orientation, k_axis=k_axis))
    turned = grid.turn(array)
    assert turned.shape == grid.native
    assert np.array_equal(grid.unturn(turned), array)


@quick
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=st.floats(-99, 99, width=16))
)
def test_storing_as_8_bit_costs_at_most_half_a_step_per_channel(values: np.ndarray) -> None:
    tensor = torch.from_numpy(values)
    stored, scale = quantise(tensor)
    assert ((expand(stored, scale) - tensor).abs() <= 0.5001 * scale[:, None] + 1e-7).all()


@quick
@given(st.text())
def test_what_is_shown_commands_no_terminal(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text) and shown.encode("utf-8").decode("utf-8") == shown
    assert all(c in "\n\t" or ord(c) >= 32 for c in shown)
    assert printable(shown) == shown
