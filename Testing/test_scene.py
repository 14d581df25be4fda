"""Results become nodes: voxels, geometry, names and numbers survive in real MRML, in files and in a new process."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import ROOT, SHA256

from MedPromptLib import scene as scene_room
from MedPromptLib.catalog import Code, Structure, Terminology
from MedPromptLib.errors import InvalidInput, OutputFailed
from MedPromptLib.images import LPS_TO_RAS, MedicalImage
from MedPromptLib.results import Run, Segmentation
from MedPromptLib.scene import (
    headless_scene,
    image_to_volume,
    open_scene_bundle,
    save_scene_bundle,
    save_segmentation,
    save_table,
    serialize_terminology,
    slicer,
    volume_to_image,
    vtk,
    write_run,
    write_segmentation,
    write_table,
)


def matrix_of(volume: Any) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def segment_array(node: Any, name: str, volume: Any) -> np.ndarray:
    """One segment on the volume's grid, by 3D Slicer's own resampling."""
    segments = node.GetSegmentation()
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segments.GetSegmentIdBySegmentName(name), volume)


def node_ids(scene: Any) -> list[str]:
    return [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]


def in_a_new_process(script: str, *arguments: object, quiet: bool = True) -> Any:
    """Runs a script that prints one line of JSON; anything on stderr is a failure if it is to be quiet."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not quiet or done.stderr == ""
    return json.loads(done.stdout)


# -------------------------------------------------------------------------------------------- volumes and images


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64", ">i2"])
def test_an_image_makes_the_round_trip_through_a_volume(
    a_slicer_scene: Any, an_oblique_image: MedicalImage, dtype: str
) -> None:
    image = replace(an_oblique_image, array=(an_oblique_image.array % 100).astype(dtype), spacing_known=False)
    volume = image_to_volume(image, a_slicer_scene, "a volume")
    again = volume_to_image(volume)
    assert np.array_equal(again.array, image.array)
    assert again.array.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.allclose(again.ijk_to_ras, image.ijk_to_ras, atol=1e-12)
    assert (again.name, again.modality, again.spacing_known, again.sha256) == ("a volume", "ct", False, SHA256)
    assert volume.GetDisplayNode().GetWindow() > 0


@pytest.mark.parametrize(("dtype", "stored"), [("bool", "uint8"), ("float16", "float32"), ("int64", "int32")])
def test_numbers_that_mrml_lacks_are_widened(a_slicer_scene: Any, dtype: str, stored: str) -> None:
    values = np.array([[[0, 1], [1, 0]]], dtype)
    again = volume_to_image(image_to_volume(MedicalImage(values, np.eye(4)), a_slicer_scene))
    assert np.array_equal(again.array, values)
    assert again.array.dtype == stored


@pytest.mark.parametrize("components", [3, 4])
@pytest.mark.parametrize("slices", [1, 3])
def test_a_colour_volume_becomes_an_rgb_image(a_slicer_scene: Any, components: int, slices: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (slices, 6, 7, components), dtype=np.uint8)
    volume = a_slicer_scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "dermoscopy")
    slicer.util.updateVolumeFromArray(volume, pixels)
    image = volume_to_image(volume)
    assert np.array_equal(image.array, pixels[..., :3])
    assert image.is_color
    assert any("alpha" in note for note in image.notes) == (components == 4)
    if components == 3:
        assert np.array_equal(volume_to_image(image_to_volume(image, a_slicer_scene)).array, pixels)


def test_the_image_shares_no_memory_with_the_volume(a_slicer_scene: Any, an_oblique_image: MedicalImage) -> None:
    volume = image_to_volume(an_oblique_image, a_slicer_scene)
    image = volume_to_image(volume)
    slicer.util.arrayFromVolume(volume)[:] = 0
    assert np.array_equal(image.array, an_oblique_image.array)


def test_a_linear_transform_is_part_of_the_image_and_a_bending_one_is_refused(
    a_slicer_scene: Any, an_oblique_image: MedicalImage
) -> None:
    volume = image_to_volume(an_oblique_image, a_slicer_scene)
    move = np.array([[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1.0]])
    outer = a_slicer_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    inner = a_slicer_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    for node in (outer, inner):
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(move))
    inner.SetAndObserveTransformNodeID(outer.GetID())
    volume.SetAndObserveTransformNodeID(inner.GetID())
    assert np.allclose(volume_to_image(volume).ijk_to_ras, move @ move @ an_oblique_image.ijk_to_ras)
    bending = a_slicer_scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    bending.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    volume.SetAndObserveTransformNodeID(bending.GetID())
    with pytest.raises(InvalidInput, match="bent by the transform 'warp'"):
        volume_to_image(volume)


def test_a_radiograph_shown_inverted_is_inverted(a_slicer_scene: Any) -> None:
    pixels = np.array([[[-30000, 5, 30000]]], np.int16)
    volume = image_to_volume(MedicalImage(pixels, np.eye(4)), a_slicer_scene)
    volume.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
    image = volume_to_image(volume)
    assert image.array.tolist() == [[[30000, -5, -30000]]]
    assert any("inverted" in note for note in image.notes)


def test_a_volume_without_voxels_is_refused(a_slicer_scene: Any) -> None:
    with pytest.raises(InvalidInput, match="'nothing' has no voxels"):
        volume_to_image(a_slicer_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing"))


def test_a_volume_loaded_from_a_picture_file_has_no_known_spacing(a_slicer_scene: Any) -> None:
    volume = image_to_volume(MedicalImage(np.zeros((1, 2, 2), np.uint8), LPS_TO_RAS), a_slicer_scene)
    volume.AddDefaultStorageNode("/somewhere/xray.PNG")
    assert not volume_to_image(volume).spacing_known


# ------------------------------------------------------------------------------------------------- segmentations


def test_a_written_segmentation_carries_all_that_dicom_export_and_readers_need(
    a_slicer_scene: Any, an_oblique_image: MedicalImage, a_segmentation: Segmentation
) -> None:
    volume = image_to_volume(an_oblique_image, a_slicer_scene)
    node = write_segmentation(a_segmentation, an_oblique_image, volume, "lungs")
    segments = node.GetSegmentation()
    assert [segments.GetNthSegment(n).GetName() for n in range(3)] == ["right lung", "left lung", "heart"]
    for n, structure in enumerate(a_segmentation.structures):
        segment = segments.GetNthSegment(n)
        assert segment.GetLabelValue() == structure.label
        assert segment.GetColor() == pytest.approx(structure.color)
        assert tag(segment, "TerminologyEntry") == serialize_terminology(structure.terminology)
        assert tag(segment, "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
        assert tag(segment, "DICOM.SegmentAlgorithmName") == "MedPrompt lungs_ct"
        expected = a_segmentation.labels == structure.label
        assert np.array_equal(segment_array(node, structure.name, volume).astype(bool), expected)
    assert node.GetDisplayNode() is not None
    assert node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole()) == volume.GetID()
    assert [node.GetAttribute(f"MedPrompt.{a}") for a in ("WeightID", "WeightSHA256", "TaskID")] == [
        "lungs_ct",
        SHA256,
        "1",
    ]


def tag(segment: Any, name: str) -> str:
    value = vtk.reference("")
    assert segment.GetTag(name, value)
    return str(value)


def test_the_terminology_is_understood_by_3d_slicer(three_structures: tuple[Structure, ...]) -> None:
    text = serialize_terminology(three_structures[1].terminology)
    assert text == (
        "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure"
        "~SCT^39607008^Lung~SCT^7771000^Left~Anatomic codes - DICOM master list~^^~^^"
    )
    with scene_room.headless_scene() as opened:
        entry = slicer.vtkSlicerTerminologyEntry()
        assert opened.logics["Terminologies"].DeserializeTerminologyEntry(text, entry)
        assert (entry.GetTypeObject().GetCodeValue(), entry.GetTypeModifierObject().GetCodeMeaning()) == (
            "39607008",
            "Left",
        )


def test_a_code_with_a_separator_is_refused() -> None:
    with pytest.raises(ValueError, match="must not contain ~"):
        Code(scheme="SCT", value="1", meaning="a~b")
    code = Code.model_construct(scheme="SCT", value="1", meaning="a~b")
    with pytest.raises(ValueError, match="separator"):
        serialize_terminology(Terminology(category=code, type=code))


def test_only_the_structures_that_were_asked_for_are_written(
    a_slicer_scene: Any, an_oblique_image: MedicalImage, a_segmentation: Segmentation
) -> None:
    volume = image_to_volume(an_oblique_image, a_slicer_scene)
    only_left = replace(a_segmentation, structures=a_segmentation.structures[1:2])
    node = write_segmentation(only_left, an_oblique_image, volume)
    assert node.GetSegmentation().GetNumberOfSegments() == 1
    expected = a_segmentation.labels == 2
    assert np.array_equal(segment_array(node, "left lung", volume).astype(bool), expected)
    assert node.GetSegmentation().GetNthSegment(0).GetLabelValue() == 2


def test_a_segmentation_moves_with_its_volume_and_lies_beside_it(
    a_slicer_scene: Any, an_oblique_image: MedicalImage, a_segmentation: Segmentation
) -> None:
    volume = image_to_volume(an_oblique_image, a_slicer_scene)
    transform = a_slicer_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.diag([1, 1, 1, 1.0]) + np.eye(4, k=3) * 9))
    volume.SetAndObserveTransformNodeID(transform.GetID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(a_slicer_scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "a study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    node = write_segmentation(a_segmentation, an_oblique_image, volume)
    assert node.GetParentTransformNode() is transform
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study
    inside = segment_array(node, "right lung", volume).astype(bool)
    assert np.array_equal(inside, a_segmentation.labels == 1)


def test_a_volume_of_another_size_is_refused_and_nothing_added(
    a_slicer_scene: Any, an_oblique_image: MedicalImage, a_segmentation: Segmentation
) -> None:
    volume = image_to_volume(replace(an_oblique_image, array=an_oblique_image.array[:, :, 1:]), a_slicer_scene)
    before = node_ids(a_slicer_scene)
    with pytest.raises(InvalidInput, match="run the request again"):
        write_segmentation(a_segmentation, an_oblique_image, volume)
    assert node_ids(a_slicer_scene) == before


READ_SEGMENTATION = """
import json, sys, numpy as np
from MedPromptLib.scene import headless_scene, image_to_volume, slicer
from MedPromptLib.images import MedicalImage
given = np.load(sys.argv[2])
with headless_scene() as opened:
    volume = image_to_volume(MedicalImage(np.zeros(given["labels"].shape, np.uint8), given["ijk_to_ras"]))
    node = opened.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(sys.argv[1])
    read = storage.ReadData(node)
    segments = node.GetSegmentation()
    same = {}
    for n in range(segments.GetNumberOfSegments()):
        segment = segments.GetNthSegment(n)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segments.GetNthSegmentID(n), volume)
        # A segment without voxels has no array when it is read from a file.
        mask = np.zeros(given["labels"].shape, np.uint8) if mask is None else mask
        same[segment.GetName()] = bool(((mask > 0) == (given["labels"] == segment.GetLabelValue())).all())
print(json.dumps([read, same]))
"""


@pytest.mark.parametrize("slices", [5, 1])
def test_a_saved_mask_is_the_same_to_the_voxel_in_slicer_simpleitk_and_nibabel(
    a_slicer_scene: Any, tmp_path: Path, an_oblique_image: MedicalImage, a_segmentation: Segmentation, slices: int
) -> None:
    import nibabel

    image = replace(an_oblique_image, array=an_oblique_image.array[:slices])
    segmentation = replace(a_segmentation, labels=a_segmentation.labels[:slices])
    volume = image_to_volume(image, a_slicer_scene)
    file = save_segmentation(write_segmentation(segmentation, image, volume), tmp_path / "mask.seg.nrrd")
    np.savez(tmp_path / "given.npz", labels=segmentation.labels, ijk_to_ras=image.ijk_to_ras)
    assert in_a_new_process(READ_SEGMENTATION, file, tmp_path / "given.npz") == [
        1,
        {"right lung": True, "left lung": True, "heart": True},
    ]

    itk = sitk.ReadImage(file)
    assert np.array_equal(on_grid(itk, image), segmentation.labels)
    header = {key: itk.GetMetaData(key) for key in itk.GetMetaDataKeys()}
    assert header["Segment1_Name"] == "left lung"
    assert header["Segment1_LabelValue"] == "2"
    assert "SCT^7771000^Left" in header["Segment1_Tags"]
    assert "SegmentAlgorithmType:AUTOMATIC" in header["Segment1_Tags"]

    sitk.WriteImage(itk, tmp_path / "mask.nii")
    nifti = nibabel.load(tmp_path / "mask.nii")
    itk_to_ras = LPS_TO_RAS @ lps_matrix(itk)
    assert np.allclose(nifti.affine, itk_to_ras, atol=1e-4)
    assert np.array_equal(np.asarray(nifti.dataobj).transpose(2, 1, 0), sitk.GetArrayFromImage(itk))


def lps_matrix(itk: sitk.Image) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(itk.GetDirection(), (3, 3)) * itk.GetSpacing()
    matrix[:3, 3] = itk.GetOrigin()
    return matrix


def on_grid(itk: sitk.Image, image: MedicalImage) -> np.ndarray:
    """The file's labels on the image's grid: the file may hold only the part that is not empty."""
    to_image = np.linalg.inv(image.ijk_to_ras) @ LPS_TO_RAS @ lps_matrix(itk)
    assert np.allclose(to_image[:3, :3], np.eye(3), atol=1e-6), "the axes differ"
    i, j, k = np.round(to_image[:3, 3]).astype(int)
    assert np.allclose(to_image[:3, 3], (i, j, k), atol=1e-5), "the grids are shifted by less than a voxel"
    part = sitk.GetArrayFromImage(itk)
    labels = np.zeros(image.shape, np.uint8)
    labels[k : k + part.shape[0], j : j + part.shape[1], i : i + part.shape[2]] = part
    return labels


def test_an_empty_result_is_a_result(
    a_slicer_scene: Any, tmp_path: Path, an_oblique_image: MedicalImage, a_segmentation: Segmentation
) -> None:
    nothing = replace(a_segmentation, labels=np.zeros_like(a_segmentation.labels), confidence={})
    volume = image_to_volume(an_oblique_image, a_slicer_scene)
    node = write_segmentation(nothing, an_oblique_image, volume)
    assert node.GetSegmentation().GetNumberOfSegments() == 3
    assert segment_array(node, "heart", volume).sum() == 0
    header = sitk.ReadImage(save_segmentation(node, tmp_path / "empty.seg.nrrd"))
    assert header.GetMetaData("Segment2_Name") == "heart"
    assert not sitk.GetArrayFromImage(header).any()


# -------------------------------------------------------------------------------------------- tables, texts, runs


def test_the_table_has_typed_columns_with_units_and_descriptions(a_slicer_scene: Any, a_run: Run) -> None:
    node = write_table(a_run.provenance.findings, a_slicer_scene)
    table = node.GetTable()
    names = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    assert names == [
        *("task", "kind", "target", "structure", "result", "probability", "finding_probability", "threshold"),
        *("area_mm2", "volume_ml", "pixels", "mean_intensity", "weight", "weight_sha256", "decision"),
    ]
    assert table.GetNumberOfRows() == 4
    kinds = {name: table.GetColumnByName(name).GetClassName() for name in names}
    assert kinds["task"] == "vtkIntArray"
    assert kinds["volume_ml"] == "vtkDoubleArray"
    assert kinds["kind"] == "vtkStringArray"
    assert node.GetColumnUnitLabel("area_mm2") == "mm2"
    assert node.GetColumnUnitLabel("volume_ml") == "ml"
    assert all(node.GetColumnDescription(name) for name in names)
    right_lung, heart, classification = (a_run.provenance.findings[n] for n in (0, 2, 3))
    assert table.GetValueByName(0, "volume_ml").ToDouble() == right_lung.volume_ml
    assert table.GetValueByName(0, "pixels").ToDouble() == right_lung.pixels
    assert math.isnan(table.GetValueByName(0, "area_mm2").ToDouble())
    assert heart.pixels == 0
    assert math.isnan(table.GetValueByName(2, "mean_intensity").ToDouble())
    assert table.GetValueByName(3, "result").ToString() == classification.result == "tuberculosis"
    assert table.GetValueByName(3, "probability").ToDouble() == 0.81
    assert {table.GetValueByName(n, "decision").ToString() for n in range(4)} == {""}


def test_a_table_file_keeps_its_cells_even_with_tabs_and_quotes(
    a_slicer_scene: Any, tmp_path: Path, a_run: Run
) -> None:
    odd = a_run.provenance.findings[0].model_copy(update={"target": 'the "left\tupper"\nlobe, ≥ 3 cm'})
    save_table(write_table([odd, *a_run.provenance.findings[1:]], a_slicer_scene), tmp_path / "t.tsv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.schema.tsv", "t.tsv"]
    again = a_slicer_scene.AddNewNodeByClass("vtkMRMLTableNode")
    storage = slicer.vtkMRMLTableStorageNode()
    storage.SetFileName(str(tmp_path / "t.tsv"))
    assert storage.ReadData(again)
    table = again.GetTable()
    assert "lobe, ≥ 3 cm" in table.GetValueByName(0, "target").ToString()
    assert table.GetValueByName(0, "structure").ToString() == "right lung"
    assert table.GetValueByName(0, "volume_ml").ToDouble() == pytest.approx(odd.volume_ml)
    assert again.GetColumnUnitLabel("volume_ml") == "ml"


def test_a_run_becomes_nodes_that_lie_together(a_slicer_scene: Any, a_run: Run) -> None:
    nodes = write_run(a_run, scene=a_slicer_scene)
    assert np.array_equal(volume_to_image(nodes.volume).array, a_run.image.array)
    assert len(nodes.segmentations) == 1
    assert nodes.table.GetTable().GetNumberOfRows() == 4
    assert json.loads(nodes.provenance.GetText()) == a_run.provenance.model_dump(mode="json")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(a_slicer_scene)
    members = (nodes.volume, *nodes.segmentations, nodes.table, nodes.provenance)
    items = [hierarchy.GetItemByDataNode(node) for node in members]
    assert all(items)
    assert len({hierarchy.GetItemParent(item) for item in items}) == 1


def test_a_run_can_be_written_to_the_volume_it_came_from(a_slicer_scene: Any, a_run: Run) -> None:
    volume = image_to_volume(a_run.image, a_slicer_scene, "loaded by the user")
    nodes = write_run(a_run, volume)
    assert nodes.volume is volume
    assert a_slicer_scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert "loaded by the user" in nodes.table.GetName()


@pytest.mark.parametrize("step", ["write_table", "write_provenance", "serialize_terminology", "_place"])
def test_a_failing_write_removes_every_node_it_added(
    a_slicer_scene: Any, a_run: Run, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    kept = image_to_volume(a_run.image, a_slicer_scene, "kept")
    before = node_ids(a_slicer_scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(a_slicer_scene)
    items = hierarchy.GetNumberOfItems()

    def fails(*_: object, **__: object) -> None:
        raise OutputFailed("The table could not be made.")

    monkeypatch.setattr(scene_room, step, fails)
    for volume in (kept, None):
        with pytest.raises(OutputFailed):
            write_run(a_run, volume, a_slicer_scene)
        assert node_ids(a_slicer_scene) == before
        assert hierarchy.GetNumberOfItems() == items


# ---------------------------------------------------------------------------------------------------------- files


READ_BUNDLE = """
import json, sys, numpy as np
from MedPromptLib.scene import open_scene_bundle, slicer, vtk, volume_to_image
given = np.load(sys.argv[2])
opened = open_scene_bundle(sys.argv[1])
volume, node, table, text = (opened.scene.GetFirstNodeByClass(f"vtkMRML{k}Node") for k in
                             ("ScalarVolume", "Segmentation", "Table", "Text"))
image = volume_to_image(volume)
# 3D Slicer reads a mirrored (left-handed) volume with its slices in the opposite order; it lies where it lay.
moved = np.round(np.linalg.inv(image.ijk_to_ras) @ given["ijk_to_ras"], 6)
given = {key: np.flip(given[key], [2 - n for n in range(3) if moved[n, n] < 0]) for key in ("labels", "voxels")}
shift = [(n - 1) * (moved[a, a] < 0) for a, n in enumerate(image.shape[::-1])]
expected = np.diag([*np.where(np.diag(moved)[:3] < 0, -1.0, 1.0), 1.0])
expected[:3, 3] = shift
segments = node.GetSegmentation()
told = []
for n in range(segments.GetNumberOfSegments()):
    segment, value = segments.GetNthSegment(n), vtk.reference("")
    segment.GetTag("TerminologyEntry", value)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segments.GetNthSegmentID(n), volume)
    mask = np.zeros(image.shape) if mask is None else mask
    told.append([segment.GetName(), str(value), list(segment.GetColor()), segment.GetLabelValue(),
                 bool(((mask > 0) == (given["labels"] == segment.GetLabelValue())).all())])
columns = table.GetTable()
names = [columns.GetColumnName(n) for n in range(columns.GetNumberOfColumns())]
cells = [[columns.GetValueByName(r, name).ToString() for name in names] for r in range(columns.GetNumberOfRows())]
hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(opened.scene)
print(json.dumps({
    "voxels": bool((image.array == given["voxels"]).all()) and str(image.array.dtype) == str(given["voxels"].dtype),
    "geometry": bool(np.allclose(moved, expected, atol=1e-5)),
    "turned": bool((expected != np.eye(4)).any()),
    "names": [x.GetName() for x in (volume, node, table, text)],
    "segments": told,
    "cells": cells,
    "types": [columns.GetColumn(n).GetDataTypeAsString() for n in range(len(names))],
    "unit": table.GetColumnUnitLabel("volume_ml"),
    "text": json.loads(text.GetText()),
    "attributes": [node.GetAttribute("MedPrompt.WeightID"), image.modality, image.sha256],
    "reference": node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume,
    "places": len({hierarchy.GetItemParent(hierarchy.GetItemByDataNode(x)) for x in (volume, node, table, text)}),
}))
"""


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_bundle_opened_in_a_new_process_holds_the_same(
    a_slicer_scene: Any, tmp_path: Path, a_run: Run, three_structures: tuple[Structure, ...], mirrored: bool
) -> None:
    if not mirrored:
        matrix = a_run.image.ijk_to_ras @ np.diag([-1, 1, 1, 1.0])
        a_run = replace(a_run, image=replace(a_run.image, ijk_to_ras=matrix))
    nodes = write_run(a_run, scene=a_slicer_scene)
    labels = a_run.segmentations[0].labels
    np.savez(tmp_path / "given.npz", labels=labels, voxels=a_run.image.array, ijk_to_ras=a_run.image.ijk_to_ras)
    (tmp_path / "out").mkdir()
    bundle = save_scene_bundle(tmp_path / "out" / "run.mrb")
    assert [p.name for p in bundle.parent.iterdir()] == ["run.mrb"]
    told = in_a_new_process(READ_BUNDLE, bundle, tmp_path / "given.npz")
    assert (told["voxels"], told["geometry"], told["reference"]) == (True, True, True)
    assert told["turned"] == mirrored
    assert told["names"] == [n.GetName() for n in (nodes.volume, *nodes.segmentations, nodes.table, nodes.provenance)]
    for structure, (name, terminology, color, label, same) in zip(three_structures, told["segments"], strict=True):
        assert (name, terminology, label) == (
            structure.name,
            serialize_terminology(structure.terminology),
            structure.label,
        )
        assert color == pytest.approx(structure.color)
        assert same
    findings = a_run.provenance.findings
    assert told["types"] == ["int"] + ["string"] * 4 + ["double"] * 7 + ["string"] * 3
    assert told["unit"] == "ml"
    assert told["places"] == 1
    for cells, finding in zip(told["cells"], findings, strict=True):
        assert cells[:5] == [str(finding.task_id), finding.kind, finding.target, finding.structure, finding.result]
        numbers = [finding.probability, finding.finding_probability, finding.threshold]
        numbers += [finding.area_mm2, finding.volume_ml, finding.pixels, finding.mean_intensity]
        for cell, number in zip(cells[5:12], numbers, strict=True):
            assert math.isnan(float(cell)) if number is None else float(cell) == pytest.approx(number, rel=1e-5)
        assert cells[12:] == [finding.weight_id, finding.weight_sha256, ""]
    assert told["text"] == a_run.provenance.model_dump(mode="json")
    assert told["attributes"] == ["lungs_ct", "ct", SHA256]


def test_saving_again_after_a_change_saves_the_change(a_slicer_scene: Any, tmp_path: Path, a_run: Run) -> None:
    nodes = write_run(a_run, scene=a_slicer_scene)
    save_scene_bundle(tmp_path / "run.mrb")
    nodes.table.GetTable().GetColumnByName("decision").SetValue(0, "accepted")
    nodes.table.GetTable().Modified()
    save_scene_bundle(tmp_path / "run.mrb")
    opened = open_scene_bundle(tmp_path / "run.mrb")
    table = opened.scene.GetFirstNodeByClass("vtkMRMLTableNode").GetTable()
    assert table.GetValueByName(0, "decision").ToString() == "accepted"
    opened.close()


def savers(nodes: Any) -> dict[str, Any]:
    return {
        "x.mrb": save_scene_bundle,
        "x.seg.nrrd": lambda path: save_segmentation(nodes.segmentations[0], path),
        "x.tsv": lambda path: save_table(nodes.table, path),
    }


def test_a_place_that_cannot_be_written_is_one_sentence(a_slicer_scene: Any, tmp_path: Path, a_run: Run) -> None:
    nodes = write_run(a_run, scene=a_slicer_scene)
    (tmp_path / "a file").write_text("not a folder")
    for name, save in savers(nodes).items():
        with pytest.raises(OutputFailed, match="could not be written") as problem:
            save(tmp_path / "a file" / name)
        assert "\n" not in str(problem.value)
        (tmp_path / name).mkdir()
        with pytest.raises(OutputFailed, match="could not be written"):
            save(tmp_path / name)
        (tmp_path / name).rmdir()
    assert [p.name for p in tmp_path.iterdir()] == ["a file"]


def test_a_writer_that_fails_halfway_leaves_the_old_file_and_nothing_else(
    a_slicer_scene: Any, tmp_path: Path, a_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = write_run(a_run, scene=a_slicer_scene)
    for name in savers(nodes):
        (tmp_path / name).write_bytes(b"the older result")

    def half(path: str) -> None:
        Path(path).write_bytes(b"half of the n")

    class HalfWriter:
        def SetFileName(self, path: str) -> None:
            self.path = path

        def SetUseCompression(self, _: int) -> None: ...

        def WriteData(self, _: object) -> int:
            half(self.path)
            return 0

    class HalfScene:
        def WriteToMRB(self, path: str) -> bool:
            half(path)
            return True

    monkeypatch.setattr(slicer, "vtkMRMLSegmentationStorageNode", HalfWriter)
    monkeypatch.setattr(slicer, "vtkMRMLTableStorageNode", HalfWriter)
    for name, save in savers(nodes).items():
        with pytest.raises(OutputFailed):
            save(tmp_path / name, HalfScene()) if name == "x.mrb" else save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == b"the older result"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.mrb", "x.seg.nrrd", "x.tsv"]


SAVE_ON_A_FULL_DISK = """
import json, resource, sys
from pathlib import Path
import numpy as np
from MedPromptLib.errors import OutputFailed
from MedPromptLib.images import MedicalImage
from MedPromptLib.results import Finding, Segmentation
from MedPromptLib.catalog import Code, Structure, Terminology
from MedPromptLib.scene import (headless_scene, image_to_volume, save_scene_bundle, save_segmentation, save_table,
                                write_segmentation, write_table)
folder = Path(sys.argv[1])
chaos = np.random.default_rng(0).integers(0, 2, (9, 200, 200), dtype=np.uint8)
image = MedicalImage(chaos * 255, np.eye(4))
code = Code(scheme="SCT", value="1", meaning="x")
structure = Structure(name="x", label=1, terminology=Terminology(category=code, type=code), color=(1, 0, 0))
finding = Finding(task_id=1, kind="segmentation", target="x" * 100, weight_id="w", weight_sha256="0")
said = []
with headless_scene() as opened:
    volume = image_to_volume(image)
    node = write_segmentation(Segmentation(1, "w", "0", chaos, (structure,), {}), image, volume)
    table = write_table([finding] * 200)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    for save in (lambda: save_segmentation(node, folder / "a.seg.nrrd"), lambda: save_table(table, folder / "a.tsv"),
                 lambda: save_scene_bundle(folder / "a.mrb")):
        try:
            save()
            said.append("saved")
        except OutputFailed as problem:
            said.append(str(problem))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps([said, [p.name for p in folder.iterdir()]]))
"""


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    # ITK writes its own exception to stderr here, past VTK's message window.
    said, left = in_a_new_process(SAVE_ON_A_FULL_DISK, tmp_path, quiet=False)
    assert all("could not be written" in sentence and "\n" not in sentence for sentence in said), said
    assert left == []


def test_a_wrong_suffix_is_said(a_slicer_scene: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"must end in \.mrb"):
        save_scene_bundle(tmp_path / "run.zip", a_slicer_scene)


def test_something_that_is_no_bundle_is_refused_quietly(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.mrb").write_text("Dear colleague")
    here = Path.cwd()
    with pytest.raises(InvalidInput, match="not a 3D Slicer bundle"):
        open_scene_bundle(tmp_path / "letter.mrb")
    assert Path.cwd() == here, "VTK's unpacking changes the working folder"
    with pytest.raises(InvalidInput, match="There is no file"):
        open_scene_bundle(tmp_path / "absent.mrb")
    assert capfd.readouterr().err == ""


def test_normal_work_prints_nothing(tmp_path: Path, a_run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with headless_scene() as opened:
        nodes = write_run(a_run, scene=opened)
        for name, save in savers(nodes).items():
            save(tmp_path / name)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_scenes_can_be_opened_again_and_again(a_run: Run) -> None:
    for _ in range(4):
        with headless_scene() as opened:
            assert opened.scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 0
            write_run(a_run, scene=opened)
    first = headless_scene()
    write_run(a_run)
    second = headless_scene()
    assert slicer.mrmlScene is second.scene
    assert second.scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 0
    first.close()
    write_run(a_run)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == 1
    second.close()
