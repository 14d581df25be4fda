"""Results as nodes of a 3D Slicer scene, and a scene's volumes as images.

The only room that speaks MRML, with `headless.py` behind it. It works inside 3D Slicer, where `scene` defaults to
`slicer.mrmlScene`, and on the PyPI wheel `slicer-core` after `headless_scene()`.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .catalog import Code, Structure, Terminology
from .errors import InvalidInput, OutputFailed
from .headless import (
    HeadlessScene,
    headless_scene,
    mrml_scene,
    open_scene_bundle,
    save_scene_bundle,
    save_segmentation,
    save_table,
    slicer,
    vtk,
)
from .images import RASTER_SUFFIXES, Array, MedicalImage
from .results import Finding, Provenance, Run, Segmentation

__all__ = [
    "HeadlessScene",
    "RunNodes",
    "dicom_files_of_volume",
    "headless_scene",
    "image_to_volume",
    "open_scene_bundle",
    "save_scene_bundle",
    "save_segmentation",
    "save_table",
    "segmentation_to_labels",
    "sequence_of_volume",
    "serialize_terminology",
    "volume_nodes",
    "volume_to_image",
    "write_provenance",
    "write_run",
    "write_segmentation",
    "write_table",
    "write_text",
    "write_text_table",
]

BINARY_LABELMAP = "Binary labelmap"
TERMINOLOGY_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"

MODALITY, SPACING_KNOWN, INPUT_SHA256 = "MedPrompt.Modality", "MedPrompt.SpacingKnown", "MedPrompt.InputSHA256"
SEQUENCE = "MedPrompt.Sequence"
"""Attributes that carry what a volume node has no field for."""
FILTERED = "MedPrompt.Filtered"
"""Attribute of a volume that a plan's filters made: the filters as JSON. It is no image that somebody gave."""

VOLUME_ROLE, SEGMENTATION_ROLE, PROVENANCE_ROLE = "MedPrompt.Volume", "MedPrompt.Segmentation", "MedPrompt.Provenance"
"""Node references of a results table to what belongs to the same run."""
PROBABILITIES, LABEL_TAG = "MedPrompt.Probabilities", "MedPrompt.Label"
"""A table's attribute with every class's probability by task, as JSON; a segment's tag with its label value."""


# -------------------------------------------------------------------------------------------- volumes and images


def volume_to_image(volume_node: Any) -> MedicalImage:
    """A scalar or colour volume node as an image that shares no memory with the scene.

    A linear parent transform is applied to the returned matrix: `ijk_to_ras` maps to the world. A one-slice volume that
    is shown with the inverted grey colour table (as DICOM's MONOCHROME1) is inverted: larger values are then brighter.

    Args:
        volume_node: `vtkMRMLScalarVolumeNode`, or `vtkMRMLVectorVolumeNode` with 3 (RGB) or 4 (RGBA) components.

    Raises:
        InvalidInput: no image data, other components, or a transform that bends the volume.
    """
    name = volume_node.GetName() or "volume"
    data = volume_node.GetImageData()
    if data is None or data.GetNumberOfPoints() == 0 or data.GetPointData().GetScalars() is None:
        raise InvalidInput(f"The volume '{name}' has no voxels; load or select another one.")
    components = data.GetNumberOfScalarComponents()
    if components not in (1, 3, 4):
        raise InvalidInput(
            f"The volume '{name}' has {components} values per voxel; expected is grey (1), RGB (3) or RGBA (4)."
        )
    array: Array = slicer.util.arrayFromVolume(volume_node).copy()
    array = (
        array.reshape((*data.GetDimensions()[::-1], components))
        if components > 1
        else array.reshape(data.GetDimensions()[::-1])
    )
    notes = []
    if components == 4:
        array = np.ascontiguousarray(array[..., :3])
        notes.append("The alpha (transparency) channel was dropped.")
    if array.shape[0] == 1 and array.ndim == 3 and _is_shown_inverted(volume_node):
        # Wider numbers in between, as low + high may not fit the volume's own kind.
        wide = array.astype(np.float64 if array.dtype.kind == "f" else np.int64)
        array = (wide.min() + wide.max() - wide).astype(array.dtype)
        notes.append(
            "The image is shown with an inverted grey scale; it was inverted, so that larger values are brighter."
        )
    known = volume_node.GetAttribute(SPACING_KNOWN) != "0"
    storage = volume_node.GetStorageNode()
    if storage is not None and str(storage.GetFileName() or "").lower().endswith(RASTER_SUFFIXES):
        known = False
    if not known:
        notes.append("The volume's file has no physical pixel spacing: sizes are given in pixels.")
    return MedicalImage(
        array=array,
        ijk_to_ras=_world_matrix(volume_node),
        name=name,
        modality=volume_node.GetAttribute(MODALITY),
        spacing_known=known,
        notes=tuple(notes),
        sha256=volume_node.GetAttribute(INPUT_SHA256) or "",
        sequence=sequence_of_volume(volume_node),
    )


def sequence_of_volume(volume_node: Any) -> str:
    """Which MR sequence a volume is, as chosen before or by the tags of the DICOM files it is loaded from; or empty."""
    chosen = volume_node.GetAttribute(SEQUENCE)
    instances = str(volume_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if chosen or not instances or database is None:
        return chosen or ""
    return _sequence_of_file(str(database.fileForInstance(instances[0]) or ""))


@functools.lru_cache(maxsize=256)
def _sequence_of_file(path: str) -> str:
    if not os.path.isfile(path):
        return ""
    from pydicom import dcmread

    from .sequences.dicom_tags import sequence_of

    try:
        return sequence_of(dcmread(path, stop_before_pixels=True), [])
    except Exception:  # damaged bytes make pydicom raise almost anything; then the tags say nothing
        return ""


def _is_shown_inverted(volume_node: Any) -> bool:
    display = volume_node.GetDisplayNode()
    return display is not None and display.GetColorNodeID() == "vtkMRMLColorTableNodeInvertedGrey"


def _world_matrix(volume_node: Any) -> npt.NDArray[np.float64]:
    """(4, 4) IJK to RAS, parent transform included."""
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    ijk_to_ras = slicer.util.arrayFromVTKMatrix(matrix)
    parent = volume_node.GetParentTransformNode()
    if parent is None:
        return ijk_to_ras
    if not parent.IsTransformToWorldLinear():
        raise InvalidInput(
            f"The volume '{volume_node.GetName()}' is bent by the transform '{parent.GetName()}'; "
            "harden or remove the transform first."
        )
    parent.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix) @ ijk_to_ras


def image_to_volume(image: MedicalImage, scene: Any = None, name: str | None = None) -> Any:
    """A new scalar or colour (vector) volume node with an image's voxels and geometry, ready to be displayed.

    Kinds of numbers that MRML lacks are widened: bool to uint8, float16 to float32, int64 to int32 if the values fit,
    else to float64. A mirrored (left-handed) grid is kept in the scene, but 3D Slicer reverses its slices when it opens
    a saved scene: each voxel lies where it lay, under another index.
    """
    scene = mrml_scene(scene)
    kind = "vtkMRMLVectorVolumeNode" if image.is_color else "vtkMRMLScalarVolumeNode"
    node = scene.AddNewNodeByClass(kind, name or image.name)
    slicer.util.updateVolumeFromArray(node, _storable(image.array))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(image.ijk_to_ras))
    if image.is_color:
        node.SetVoxelVectorType(node.VoxelVectorTypeColorRGB)
    if image.modality:
        node.SetAttribute(MODALITY, image.modality)
    if image.sequence:
        node.SetAttribute(SEQUENCE, image.sequence)
    if image.sha256:
        node.SetAttribute(INPUT_SHA256, image.sha256)
    node.SetAttribute(SPACING_KNOWN, "1" if image.spacing_known else "0")
    node.CreateDefaultDisplayNodes()
    low, high = _display_range(image.array)
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(max(high - low, 1e-6), (high + low) / 2)
    _place(node, None)
    return node


def dicom_files_of_volume(volume_node: Any) -> tuple[str, ...]:
    """The files that 3D Slicer's DICOM module loaded a volume from; empty if it came from elsewhere.

    With them, `reporting.dicom_out.write_dicom` puts a run's results into the study of the volume.
    """
    database = getattr(slicer, "dicomDatabase", None)
    instances = str(volume_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    if database is None:
        return ()
    files = [str(database.fileForInstance(uid) or "") for uid in instances]
    return tuple(files) if all(files) else ()


def _storable(array: Array) -> Array:
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        fits = array.size == 0 or (array.min() >= np.iinfo(np.int32).min and array.max() <= np.iinfo(np.int32).max)
        array = array.astype(np.int32 if fits else np.float64)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _display_range(array: Array) -> tuple[float, float]:
    """Values shown black and white: 0 to 255 for 8-bit images, else the 0.5 and 99.5 percentiles of a sample."""
    if array.dtype in (np.uint8, np.bool_):
        return 0.0, 255.0 if array.dtype == np.uint8 else 1.0
    sample = array.ravel()[:: max(1, array.size // 1_000_000)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, (0.5, 99.5)) if sample.size else (0.0, 1.0)
    return float(low), float(high)


# ------------------------------------------------------------------------------------------------- segmentations


def serialize_terminology(terminology: Terminology) -> str:
    """A terminology entry as the text that 3D Slicer keeps in a segment's tag: seven fields separated by `~`.

    Raises:
        ValueError: a code contains a character that separates fields (`~ ^ |`).
    """

    def triplet(code: Code | None) -> str:
        parts = (code.scheme, code.value, code.meaning) if code else ("", "", "")
        if any(character in part for part in parts for character in "~^|\n"):
            raise ValueError(f"the code {parts} contains a separator (~ ^ | or a line break)")
        return "^".join(parts)

    return "~".join(
        (
            TERMINOLOGY_CONTEXT,
            triplet(terminology.category),
            triplet(terminology.type),
            triplet(terminology.modifier),
            REGION_CONTEXT,
            triplet(terminology.region),
            triplet(terminology.region_modifier),
        )
    )


def write_segmentation(
    segmentation: Segmentation, image: MedicalImage, volume_node: Any, name: str | None = None
) -> Any:
    """A new segmentation node on a volume's grid, one segment per structure, empty ones included.

    The segments carry name, colour, label value, SNOMED CT terminology and the tags that DICOM SEG export asks for. The
    node lies beside the volume in the subject hierarchy and under the same parent transform.

    Args:
        image: what was segmented; names the node if `name` is None.
        volume_node: the volume the image was made from or written to.

    Raises:
        InvalidInput: the volume's size differs from the label map's.
    """
    data = volume_node.GetImageData()
    size = tuple(data.GetDimensions()[::-1]) if data is not None else None
    if size != segmentation.labels.shape:
        raise InvalidInput(
            f"The segmentation has {segmentation.labels.shape} voxels (k, j, i) but the volume "
            f"'{volume_node.GetName()}' has {size or 'none'}; run the request again on the present volume."
        )
    node = volume_node.GetScene().AddNewNodeByClass(
        "vtkMRMLSegmentationNode", name or f"{image.name} {segmentation.weight_id}"
    )
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.SetAttribute("MedPrompt.WeightID", segmentation.weight_id)
    node.SetAttribute("MedPrompt.WeightSHA256", segmentation.weight_sha256)
    node.SetAttribute("MedPrompt.TaskID", str(segmentation.task_id))
    segments = node.GetSegmentation()
    # One label map shared by all segments, as they do not overlap.
    labelmap = _oriented_labels(segmentation, volume_node)
    for structure in segmentation.structures:
        segment = slicer.vtkSegment()
        segment.SetName(structure.name)
        segment.SetNameAutoGenerated(False)
        segment.SetColor(*structure.color)
        segment.SetColorAutoGenerated(False)
        segment.SetLabelValue(structure.label)
        segment.AddRepresentation(BINARY_LABELMAP, labelmap)
        segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), serialize_terminology(structure.terminology))
        segment.SetTag(LABEL_TAG, str(structure.label))
        segment.SetTag("DICOM.SegmentAlgorithmType", "AUTOMATIC")
        segment.SetTag("DICOM.SegmentAlgorithmName", f"MedPrompt {segmentation.weight_id}")
        segment_id = segments.GenerateUniqueSegmentID(re.sub(r"\W+", "_", structure.name))
        if not segments.AddSegment(segment, segment_id):
            raise OutputFailed(f"The structure '{structure.name}' could not be added to the scene.")
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    _place(node, volume_node)
    return node


def segmentation_to_labels(
    segmentation_node: Any, volume_node: Any, structures: Sequence[Structure]
) -> npt.NDArray[np.uint8]:
    """(k, j, i) label map of a segmentation node on a volume's grid; structures without a segment stay empty.

    Args:
        structures: segments are found by their names and get these labels.
    """
    k, j, i = volume_node.GetImageData().GetDimensions()[::-1]
    labels = np.zeros((k, j, i), np.uint8)
    segments = segmentation_node.GetSegmentation()
    for structure in structures:
        segment_id = segments.GetSegmentIdBySegmentName(structure.name)
        if segment_id:
            inside = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation_node, segment_id, volume_node)
            labels[inside.reshape(labels.shape) > 0] = structure.label
    return labels


def volume_nodes(scene: Any = None) -> tuple[Any, ...]:
    """The scene's scalar and colour volumes; label maps and what a plan's filters made are left out."""
    scene = mrml_scene(scene)
    nodes = [
        scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode")
        for n in range(scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"))
    ]
    return tuple(n for n in nodes if not n.IsA("vtkMRMLLabelMapVolumeNode") and not n.GetAttribute(FILTERED))


def _oriented_labels(segmentation: Segmentation, volume_node: Any) -> Any:
    """`vtkOrientedImageData` with the labels that were asked for, on the volume's own (untransformed) grid."""
    from vtk.util.numpy_support import vtk_to_numpy

    k, j, i = segmentation.labels.shape
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    labelmap = slicer.vtkOrientedImageData()
    labelmap.SetExtent(0, i - 1, 0, j - 1, 0, k - 1)
    labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    wanted = np.isin(segmentation.labels, [s.label for s in segmentation.structures])
    vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(k, j, i)[...] = np.where(wanted, segmentation.labels, 0)
    labelmap.SetImageToWorldMatrix(matrix)
    return labelmap


# -------------------------------------------------------------------------------------------- tables and texts


@dataclass(frozen=True)
class _Column:
    """One column of the results table; `number` columns hold doubles (NaN = not measured), the others text."""

    name: str
    title: str
    description: str
    value: Callable[[Finding], Any]
    number: bool = False
    unit: str = ""


NOT_MEASURED = "not a number (NaN) where it does not apply or is not known"
COLUMNS = (
    _Column("task", "Task", "Number of the task in the plan", lambda f: f.task_id),
    _Column("kind", "Kind", "segmentation or classification", lambda f: f.kind),
    _Column("target", "Target", "What was segmented or looked for", lambda f: f.target),
    _Column("structure", "Structure", "Segmented structure; empty for a classification", lambda f: f.structure),
    _Column("result", "Result", "The class (see Threshold), or whether something was outlined", lambda f: f.result),
    _Column(
        "probability",
        "Probability",
        f"Calibrated, 0 to 1: of the class, or mean inside the structure; {NOT_MEASURED}",
        lambda f: f.probability,
        True,
        "1",
    ),
    _Column(
        "finding_probability",
        "Finding",
        f"Calibrated, 0 to 1: of all positive classes together; {NOT_MEASURED}",
        lambda f: f.finding_probability,
        True,
        "1",
    ),
    _Column(
        "threshold",
        "Threshold",
        f"From this value of Finding on, the result is a positive class; {NOT_MEASURED}",
        lambda f: f.threshold,
        True,
        "1",
    ),
    _Column("area_mm2", "Area", f"Area in one slice; {NOT_MEASURED}", lambda f: f.area_mm2, True, "mm2"),
    _Column("volume_ml", "Volume", f"Volume (1 ml = 1000 mm3); {NOT_MEASURED}", lambda f: f.volume_ml, True, "ml"),
    _Column("pixels", "Pixels", f"Labelled pixels or voxels; {NOT_MEASURED}", lambda f: f.pixels, True, "pixels"),
    _Column(
        "mean_intensity",
        "Mean intensity",
        f"Mean of the input image inside the structure, luminance for colour; {NOT_MEASURED}",
        lambda f: f.mean_intensity,
        True,
    ),
    _Column("weight", "Weight", "Which weight made the result", lambda f: f.weight_id),
    _Column("weight_sha256", "Weight SHA-256", "SHA-256 of the weight file", lambda f: f.weight_sha256),
    _Column("decision", "Decision", "What a person decided in review; empty before", lambda f: f.decision),
)


def write_table(findings: Sequence[Finding], scene: Any = None, name: str = "MedPrompt results") -> Any:
    """A new table node, one row per finding, with typed columns, units and descriptions (see `COLUMNS`).

    `task` is an integer, numbers are doubles with NaN for what was not measured, all else is text.
    """
    table = mrml_scene(scene).AddNewNodeByClass("vtkMRMLTableNode", name)
    for column in COLUMNS:
        values = [column.value(finding) for finding in findings]
        array: Any
        if column.number:
            array = vtk.vtkDoubleArray()
            values = [math.nan if value is None else float(value) for value in values]
        elif column.name == "task":
            array = vtk.vtkIntArray()
        else:
            array = vtk.vtkStringArray()
            values = [_cell(value) for value in values]
        array.SetName(column.name)
        for value in values:
            array.InsertNextValue(value)
        table.AddColumn(array)
        table.SetColumnDescription(column.name, column.description)
        table.SetColumnUnitLabel(column.name, column.unit)
        set_title = getattr(table, "SetColumnTitle", None) or table.SetColumnLongName  # the latter in 3D Slicer 5.10
        set_title(column.name, column.title)
    table.SetUseColumnTitleAsColumnHeader(True)
    return table


def write_text_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], scene: Any = None, name: str = "MedPrompt table"
) -> Any:
    """A new table node whose cells are text."""
    table = mrml_scene(scene).AddNewNodeByClass("vtkMRMLTableNode", name)
    for index, column in enumerate(titles):
        array: Any = vtk.vtkStringArray()
        array.SetName(column)
        for row in rows:
            array.InsertNextValue(_cell(row[index]))
        table.AddColumn(array)
    table.SetUseColumnNameAsColumnHeader(True)
    return table


def _cell(text: str) -> str:
    # MRML writes TSV without quoting: a tab or line break in a cell would shift the cells after it.
    return " ".join(str(text).split())


def write_provenance(provenance: Provenance, scene: Any = None, name: str = "MedPrompt provenance") -> Any:
    """A new text node with the run's provenance as indented JSON."""
    text = json.dumps(provenance.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return write_text(text, scene, name)


def write_text(text: str, scene: Any = None, name: str = "MedPrompt report", beside: Any = None) -> Any:
    """A new text node, beside another node in the subject hierarchy if one is given."""
    node = mrml_scene(scene).AddNewNodeByClass("vtkMRMLTextNode", name)
    node.SetEncoding(vtk.VTK_ENCODING_UTF_8)
    node.SetText(text)
    if beside is not None:
        _place(node, beside)
    return node


# ------------------------------------------------------------------------------------------------------ whole runs


@dataclass(frozen=True)
class RunNodes:
    """The nodes a run became.

    Attributes:
        volume: the input, given or newly added.
        segmentations: one per `Run.segmentations`, in their order.
        filtered: the volume that the tasks looked at, if the plan has filters; else None.
    """

    volume: Any
    segmentations: tuple[Any, ...]
    table: Any
    provenance: Any
    filtered: Any = None


def write_run(run: Run, volume_node: Any = None, scene: Any = None) -> RunNodes:
    """Add all of a run's results to the scene, or nothing.

    Args:
        volume_node: the volume that was analysed; None adds the run's image as a new volume.
        scene: None is the volume's scene or `slicer.mrmlScene`.

    Raises:
        InvalidInput, OutputFailed: as the writers of the single results; the scene is then as it was before.
    """
    scene = volume_node.GetScene() if scene is None and volume_node is not None else mrml_scene(scene)
    with _all_or_nothing(scene):
        volume = image_to_volume(run.image, scene) if volume_node is None else volume_node
        filtered = None if run.filtered is None else _write_filtered(run, run.filtered, volume)
        segmentations = []
        for segmentation in run.segmentations:
            name = f"{volume.GetName()} {segmentation.weight_id} (task {segmentation.task_id})"
            segmentations.append(write_segmentation(segmentation, run.image, volume, name))
        table = write_table(run.provenance.findings, scene, f"{volume.GetName()} MedPrompt results")
        text = write_provenance(run.provenance, scene, f"{volume.GetName()} MedPrompt provenance")
        for node in (table, text):
            _place(node, volume)
        table.SetNodeReferenceID(VOLUME_ROLE, volume.GetID())
        table.SetNodeReferenceID(PROVENANCE_ROLE, text.GetID())
        for node in segmentations:
            table.AddNodeReferenceID(SEGMENTATION_ROLE, node.GetID())
        table.SetAttribute(PROBABILITIES, json.dumps({str(c.task_id): c.probabilities for c in run.classifications}))
        return RunNodes(volume, tuple(segmentations), table, text, filtered)


def _write_filtered(run: Run, filtered: MedicalImage, volume: Any) -> Any:
    """A new volume with what a plan's filters made, beside the volume it was made from."""
    node = image_to_volume(filtered, volume.GetScene(), f"{volume.GetName()} filtered")
    node.SetAttribute(FILTERED, json.dumps([step.filter.model_dump() for step in run.provenance.preprocessing]))
    _place(node, volume)
    return node


@contextmanager
def _all_or_nothing(scene: Any) -> Iterator[None]:
    before = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
    try:
        yield
    except BaseException:
        hierarchy = _hierarchy(scene)
        nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
        remove_nodes(reversed([n for n in nodes if n.GetID() not in before and n is not hierarchy]), scene)
        raise


def remove_nodes(nodes: Iterable[Any], scene: Any) -> None:
    """Take nodes and their places in the subject hierarchy out of a scene."""
    hierarchy = _hierarchy(scene)
    for node in nodes:
        if item := hierarchy.GetItemByDataNode(node):
            hierarchy.RemoveItem(item, False, False)
        scene.RemoveNode(node)


def _hierarchy(scene: Any) -> Any:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


def _place(node: Any, neighbour: Any) -> None:
    """Put a node beside another one in the subject hierarchy; None is the top level, if it has no place yet.

    3D Slicer's user interface makes the items by itself; without it nobody does.
    """
    hierarchy = _hierarchy(node.GetScene())
    parent = hierarchy.GetSceneItemID()
    if neighbour is not None:
        if not hierarchy.GetItemByDataNode(neighbour):
            hierarchy.CreateItem(parent, neighbour)
        parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(neighbour)) or parent
    item = hierarchy.GetItemByDataNode(node)
    if not item:
        hierarchy.CreateItem(parent, node)
    elif neighbour is not None:
        hierarchy.SetItemParent(item, parent)
