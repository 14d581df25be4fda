"""Files become images: voxels, geometry and everything that has to be said about them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from conftest import ROOT
from PIL import Image, ImageOps
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from MedPromptLib.errors import InvalidInput
from MedPromptLib.images import LPS_TO_RAS, MedicalImage, luminance, read_image

CHAOS = np.random.default_rng(7)
GREY = CHAOS.integers(0, 256, (12, 17), dtype=np.uint8)
COLOR = CHAOS.integers(0, 256, (12, 17, 3), dtype=np.uint8)


def a_ct_slice(index: int, series: str, size: tuple[int, int] = (6, 5), **tags: Any) -> Dataset:
    """A CT slice 2.5 mm × index along its normal on an oblique plane; its pixels say which one it is."""
    across, down = np.array([0.8, 0.6, 0.0]), np.array([0.0, 0.0, -1.0])
    position = np.array([10.0, -20.0, 30.0]) + 2.5 * index * np.cross(across, down)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = series
    dataset.SeriesNumber = 4
    dataset.Modality = "CT"
    dataset.PatientName = "Miller^Mary"
    dataset.PatientID = "4711-0815"
    dataset.Rows, dataset.Columns = size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelSpacing, dataset.SliceThickness = [0.75, 0.5], 2.5
    dataset.ImageOrientationPatient = [*across, *down]
    dataset.ImagePositionPatient = [round(float(x), 6) for x in position]
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    pixels = np.arange(size[0] * size[1], dtype=np.uint16).reshape(size) + 100 * index
    dataset.PixelData = pixels.tobytes()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def saved(folder: Path, *datasets: Dataset) -> Path:
    folder.mkdir(exist_ok=True)
    for number, dataset in enumerate(datasets):
        dataset.save_as(folder / f"slice{number}.dcm", enforce_file_format=True)
    return folder


def said(image: MedicalImage, words: str) -> bool:
    return any(words in note for note in image.notes)


# ------------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("pixels", [GREY, COLOR], ids=["grey", "color"])
def test_a_lossless_picture_keeps_its_pixels_and_has_no_spacing(tmp_path: Path, suffix: str, pixels: Any) -> None:
    file = tmp_path / f"picture.{suffix}"
    Image.fromarray(pixels).save(file, dpi=(300, 300))
    image = read_image(file)
    assert np.array_equal(image.array, pixels[None])
    assert image.spacing == (1, 1, 1)
    assert not image.spacing_known
    assert said(image, "no physical pixel spacing")
    assert np.array_equal(image.ijk_to_ras, np.diag([-1, -1, 1, 1]))
    assert image.name == "picture"
    assert image.modality is None
    assert image.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_jpeg_is_read_and_its_resolution_is_not_taken_for_a_spacing(tmp_path: Path) -> None:
    Image.fromarray(COLOR).save(tmp_path / "a.jpg", dpi=(72, 72), quality=100, subsampling=0)
    image = read_image(str(tmp_path / "a.jpg"))
    assert image.array.shape == (1, 12, 17, 3)
    assert image.spacing == (1, 1, 1)
    assert not image.spacing_known
    assert np.abs(image.array[0].astype(int) - COLOR).mean() < 4


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_exif_orientation_is_honoured_and_said(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOR).save(tmp_path / "phone.jpg", exif=exif)
    image = read_image(tmp_path / "phone.jpg")
    assert np.array_equal(image.array[0], np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "phone.jpg"))))
    assert image.array.shape[1:3] == ((17, 12) if orientation > 4 else (12, 17))
    assert said(image, "EXIF")


@pytest.mark.parametrize(
    ("picture", "expected", "words"),
    [
        (Image.fromarray(np.dstack([COLOR, GREY])), COLOR, "alpha"),
        (Image.fromarray(np.dstack([GREY, GREY])), GREY, "alpha"),
        (Image.fromarray(COLOR).quantize(8), np.asarray(Image.fromarray(COLOR).quantize(8).convert("RGB")), "palette"),
        (Image.fromarray(GREY > 100), (GREY > 100).astype(np.uint8) * 255, "black and white"),
    ],
    ids=["rgba", "grey with alpha", "palette", "one bit"],
)
def test_unusual_pictures_become_grey_or_rgb_and_say_so(
    tmp_path: Path, picture: Any, expected: Any, words: str
) -> None:
    picture.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert np.array_equal(image.array[0], expected)
    assert said(image, words)


def test_sixteen_bits_are_kept_in_grey_and_in_colour(tmp_path: Path) -> None:
    grey, color = GREY.astype(np.uint16) * 257, COLOR.astype(np.uint16) * 255
    sitk.WriteImage(sitk.GetImageFromArray(grey), tmp_path / "grey.png")
    sitk.WriteImage(sitk.GetImageFromArray(color, isVector=True), tmp_path / "color.png")
    assert np.array_equal(read_image(tmp_path / "grey.png").array[0], grey)
    assert np.array_equal(read_image(tmp_path / "color.png").array[0], color)


def test_the_pages_of_a_tiff_become_slices(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    image = read_image(tmp_path / "a.tif")
    assert np.array_equal(image.array, np.stack([GREY, 255 - GREY]))
    assert said(image, "pages")


def test_luminance_is_rec_601() -> None:
    pixels = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 10, 10]]]], np.uint8)
    assert np.allclose(luminance(pixels), [[[76.245, 149.685, 29.07, 10]]], atol=1e-3)
    assert luminance(GREY[None]) is not None
    assert np.array_equal(luminance(GREY[None]), GREY[None])


# -------------------------------------------------------------------------------------------------------- volumes


@pytest.mark.parametrize("suffix", ["nrrd", "nii.gz", "nii", "mha", "mhd", "nhdr"])
def test_an_oblique_mirrored_volume_keeps_voxels_and_geometry(
    tmp_path: Path, suffix: str, an_oblique_image: MedicalImage
) -> None:
    file = tmp_path / f"volume.{suffix}"
    sitk.WriteImage(itk_image(an_oblique_image), file)
    image = read_image(file)
    assert np.array_equal(image.array, an_oblique_image.array)
    assert image.array.dtype == np.int16
    # NIfTI stores the geometry in single precision.
    assert np.allclose(image.ijk_to_ras, an_oblique_image.ijk_to_ras, atol=1e-4 if "nii" in suffix else 1e-9)
    assert image.name == "volume"
    assert image.spacing_known
    assert image.notes == ()


def test_nifti_agrees_with_nibabel(tmp_path: Path, an_oblique_image: MedicalImage) -> None:
    import nibabel

    sitk.WriteImage(itk_image(an_oblique_image), tmp_path / "a.nii.gz")
    other = nibabel.load(tmp_path / "a.nii.gz")
    image = read_image(tmp_path / "a.nii.gz")
    assert np.allclose(image.ijk_to_ras, other.affine, atol=1e-5)
    assert np.array_equal(image.array, np.asarray(other.dataobj).transpose(2, 1, 0))


def itk_image(image: MedicalImage) -> sitk.Image:
    itk = sitk.GetImageFromArray(image.array, isVector=image.is_color)
    lps = LPS_TO_RAS @ image.ijk_to_ras
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    itk.SetSpacing(spacing.tolist())
    itk.SetOrigin(lps[:3, 3].tolist())
    itk.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return itk


def test_a_header_without_spacing_is_said(tmp_path: Path) -> None:
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 3 2 1\nencoding: raw\n\n"
    (tmp_path / "bare.nrrd").write_bytes(header.encode() + bytes(range(6)))
    image = read_image(tmp_path / "bare.nrrd")
    assert not image.spacing_known
    assert said(image, "no pixel spacing")
    assert np.array_equal(image.array, np.arange(6).reshape(1, 2, 3))


def test_a_flat_volume_file_becomes_one_slice(tmp_path: Path) -> None:
    flat = sitk.GetImageFromArray(GREY)
    flat.SetSpacing((0.3, 0.4))
    flat.SetOrigin((5, 6))
    sitk.WriteImage(flat, tmp_path / "flat.nrrd")
    image = read_image(tmp_path / "flat.nrrd")
    assert np.array_equal(image.array, GREY[None])
    assert image.spacing == pytest.approx((1, 0.4, 0.3))
    assert image.ijk_to_ras[:3, 3].tolist() == [-5, -6, 0]


def test_the_hash_covers_detached_voxels(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(GREY[None]), tmp_path / "a.mhd")
    before = read_image(tmp_path / "a.mhd").sha256
    data = bytearray((tmp_path / "a.raw").read_bytes())
    data[0] ^= 1
    (tmp_path / "a.raw").write_bytes(data)
    assert read_image(tmp_path / "a.mhd").sha256 != before


def test_values_that_are_not_numbers_are_replaced_and_said(tmp_path: Path) -> None:
    values = np.array([[[1, 2, np.nan, np.inf]]], np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(values), tmp_path / "a.nrrd")
    image = read_image(tmp_path / "a.nrrd")
    assert image.array.tolist() == [[[1, 2, 1, 2]]]
    assert said(image, "2 values")


def test_four_dimensions_are_refused_unless_the_last_has_one_entry(tmp_path: Path) -> None:
    slabs = [sitk.GetImageFromArray(GREY[None])] * 2
    sitk.WriteImage(sitk.JoinSeries(slabs), tmp_path / "time.nii.gz")
    sitk.WriteImage(sitk.JoinSeries(slabs[:1]), tmp_path / "one.nrrd")
    with pytest.raises(InvalidInput, match="4 dimensions"):
        read_image(tmp_path / "time.nii.gz")
    assert np.array_equal(read_image(tmp_path / "one.nrrd").array, GREY[None])


# ---------------------------------------------------------------------------------------------------------- DICOM


def test_the_real_radiograph_is_inverted_and_its_zero_spacing_said(a_radiograph_file: Path) -> None:
    image = read_image(a_radiograph_file)
    stored = pydicom.dcmread(a_radiograph_file).pixel_array
    assert np.array_equal(image.array[0].astype(int), 2**15 - 1 - stored.astype(int))
    assert image.modality == "chest x-ray"
    assert not image.spacing_known
    assert image.spacing == (1, 1, 1)
    assert said(image, "PixelSpacing is zero")
    assert said(image, "MONOCHROME1 was inverted")
    assert np.array_equal(image.ijk_to_ras, LPS_TO_RAS)


def test_the_compressed_radiograph_is_the_same_image(a_radiograph: MedicalImage) -> None:
    compressed = read_image(str(get_testdata_file("RG1_J2KR.dcm", download=False)))
    assert np.array_equal(compressed.array, a_radiograph.array)


@pytest.mark.parametrize(
    ("file", "modality", "shape"),
    [
        ("CT_small.dcm", "ct", (1, 128, 128)),
        ("RG3_UNCR.dcm", None, (1, 1760, 1760)),
        ("MR_small.dcm", None, (1, 64, 64)),
        ("US1_J2KR.dcm", None, (1, 480, 640, 3)),
        ("examples_ybr_color.dcm", None, (30, 240, 320, 3)),
        ("examples_palette.dcm", None, (1, 350, 800, 3)),
        ("SC_rgb_16bit.dcm", None, (1, 100, 100, 3)),
        ("JPEGLSNearLossless_16.dcm", None, (1, 50, 10)),
    ],
)
def test_real_dicom_files_are_read(file: str, modality: str | None, shape: tuple[int, ...]) -> None:
    image = read_image(str(get_testdata_file(file, download=False)))
    assert image.array.shape == shape
    assert image.modality == modality


def test_colours_and_hounsfield_units_agree_with_pydicom() -> None:
    ybr = str(get_testdata_file("examples_ybr_color.dcm", download=False))
    assert np.array_equal(read_image(ybr).array, pydicom.dcmread(ybr).pixel_array)
    ct = str(get_testdata_file("CT_small.dcm", download=False))
    image = read_image(ct)
    assert np.array_equal(image.array[0], pydicom.dcmread(ct).pixel_array - 1024)
    assert said(image, "intercept -1024")


def test_an_enhanced_multi_frame_ct_lies_where_simpleitk_puts_it() -> None:
    path = str(get_testdata_file("eCT_Supplemental.dcm", download=False))
    itk, image = sitk.ReadImage(path), read_image(path)
    assert said(image, "intercept -1024")
    assert image.spacing_known
    values, to_ijk = sitk.GetArrayFromImage(itk), np.linalg.inv(image.ijk_to_ras)
    for i, j, k in CHAOS.integers(0, (512, 512, 2), (200, 3)).tolist():
        place = LPS_TO_RAS @ [*itk.TransformIndexToPhysicalPoint((i, j, k)), 1]
        a, b, c, _ = np.round(to_ijk @ place).astype(int)
        assert image.array[c, b, a] == values[k, j, i]


@pytest.mark.parametrize("file", ["CT_small.dcm", "J2K_pixelrep_mismatch.dcm", "MR_small.dcm", "693_J2KI.dcm"])
def test_the_geometry_of_a_single_slice_agrees_with_simpleitk(file: str) -> None:
    path = str(get_testdata_file(file, download=False))
    itk, image = sitk.ReadImage(path), read_image(path)
    for index in ((0, 0, 0), (17, 31, 0)):
        expected = LPS_TO_RAS @ [*itk.TransformIndexToPhysicalPoint(index), 1]
        assert np.allclose(image.ijk_to_ras @ [*index, 1], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("tags", "modality"),
    [
        ({"Modality": "DX", "BodyPartExamined": "CHEST"}, "chest x-ray"),
        ({"Modality": "CR", "BodyPartExamined": "THORAX"}, "chest x-ray"),
        ({"Modality": "CR", "BodyPartExamined": "HAND"}, None),
        ({"Modality": "MR", "BodyPartExamined": "BRAIN"}, "brain mri"),
        ({"Modality": "US", "BodyPartExamined": "BREAST"}, "breast ultrasound"),
        ({"Modality": "US", "BodyPartExamined": "THYROID"}, None),
        ({"Modality": "CT", "BodyPartExamined": "CHEST"}, "ct"),
    ],
)
def test_the_modality_comes_from_the_tags(tmp_path: Path, tags: dict[str, str], modality: str | None) -> None:
    assert read_image(saved(tmp_path / "d", a_ct_slice(0, "1.2", **tags))).modality == modality


def test_an_unsorted_series_is_sorted_along_its_normal(tmp_path: Path) -> None:
    order = [3, 0, 4, 1, 2]
    folder = saved(tmp_path / "series", *(a_ct_slice(i, "1.2") for i in order))
    image = read_image(folder)
    assert image.array[:, 0, 0].tolist() == [-1024, -924, -824, -724, -624]
    assert image.spacing == pytest.approx((2.5, 0.75, 0.5))
    assert said(image, "sorted")
    assert image.name == "series"
    first = a_ct_slice(0, "1.2")
    assert np.allclose((LPS_TO_RAS @ image.ijk_to_ras)[:3, 3], first.ImagePositionPatient, atol=1e-5)
    last = LPS_TO_RAS @ image.ijk_to_ras @ [0, 0, 4, 1]
    assert np.allclose(last[:3], a_ct_slice(4, "1.2").ImagePositionPatient, atol=1e-4)
    by_files = read_image(sorted(folder.iterdir(), reverse=True))
    assert np.array_equal(by_files.array, image.array)
    assert by_files.sha256 == image.sha256


def test_a_missing_slice_is_said(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "gap", *(a_ct_slice(i, "1.2") for i in (0, 1, 2, 5))))
    assert said(image, "vary from 2.5 to 7.5 mm")


def test_a_duplicate_slice_is_left_out_and_a_contradicting_one_refused(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "twice", *(a_ct_slice(i, "1.2") for i in (0, 1, 1, 2))))
    assert image.shape[0] == 3
    assert said(image, "1 duplicate")
    other = a_ct_slice(1, "1.2", PixelData=a_ct_slice(7, "1.2").PixelData)
    with pytest.raises(InvalidInput, match="different images at one position"):
        read_image(saved(tmp_path / "echoes", *(a_ct_slice(i, "1.2") for i in (0, 1, 2)), other))


def test_several_series_in_one_folder_are_named(tmp_path: Path) -> None:
    folder = saved(tmp_path / "mixed", a_ct_slice(0, "1.2"), a_ct_slice(1, "1.3", SeriesNumber=9, Modality="MR"))
    with pytest.raises(
        InvalidInput, match=r"2 series .*series 4 CT.*series 9 MR.*give the files or the folder"
    ) as problem:
        read_image(folder)
    assert "Miller" not in str(problem.value)
    assert "4711" not in str(problem.value)


def test_slices_of_several_directions_or_sizes_are_refused(tmp_path: Path) -> None:
    turned = a_ct_slice(1, "1.2", ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    with pytest.raises(InvalidInput, match="several directions"):
        read_image(saved(tmp_path / "localizer", a_ct_slice(0, "1.2"), turned))
    with pytest.raises(InvalidInput, match="differ in size"):
        read_image(saved(tmp_path / "sizes", a_ct_slice(0, "1.2"), a_ct_slice(1, "1.2", size=(4, 5))))


def test_the_detector_spacing_stands_in_for_a_missing_pixel_spacing(tmp_path: Path) -> None:
    dataset = a_ct_slice(0, "1.2", Modality="DX", ImagerPixelSpacing=[0.15, 0.14])
    del dataset.PixelSpacing
    image = read_image(saved(tmp_path / "dx", dataset))
    assert image.spacing_known
    assert image.spacing[1:] == pytest.approx((0.15, 0.14))
    assert said(image, "detector")


def test_a_signed_monochrome1_image_is_inverted_after_rescaling(tmp_path: Path) -> None:
    stored = np.array([[-2048, 0, 2047]], np.int16)
    dataset = a_ct_slice(0, "1.2", size=(1, 3), PhotometricInterpretation="MONOCHROME1", PixelRepresentation=1)
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.PixelData = 2, 100, stored.tobytes() + b""
    image = read_image(saved(tmp_path / "m1", dataset))
    assert image.array[0, 0].tolist() == [4194, 98, -3996]


def test_no_patient_data_gets_into_name_or_notes(tmp_path: Path) -> None:
    folder = saved(tmp_path / "MILLER_MARY_4711-0815", a_ct_slice(1, "1.2"), a_ct_slice(0, "1.2"))
    image = read_image(folder)
    told = " ".join((image.name, *image.notes)).lower()
    assert image.name == "CT"
    assert not any(word in told for word in ("miller", "mary", "4711"))


# --------------------------------------------------------------------------------------------------------- errors


def test_a_mistake_is_answered_with_one_sentence(tmp_path: Path, a_radiograph_file: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "page.png").write_text("<html>not an image</html>")
    (tmp_path / "page.nii.gz").write_text("<html>not an image</html>")
    (tmp_path / "letter.dcm").write_text("Dear colleague")
    (tmp_path / "cut.dcm").write_bytes(a_radiograph_file.read_bytes()[:-200_000])
    for name in ("CT_small.dcm", "RG1_J2KR.dcm", "US1_J2KR.dcm", "examples_ybr_color.dcm", "MR_small_RLE.dcm"):
        whole = Path(str(get_testdata_file(name, download=False))).read_bytes()
        (tmp_path / f"cut_{name}").write_bytes(whole[: len(whole) * 2 // 3])
    picture = Image.fromarray(CHAOS.integers(0, 256, (60, 70, 3), dtype=np.uint8))
    for suffix in ("png", "jpg", "bmp", "tif"):
        picture.save(tmp_path / f"whole.{suffix}")
        (tmp_path / f"cut.{suffix}").write_bytes((tmp_path / f"whole.{suffix}").read_bytes()[:3000])
    volume = sitk.GetImageFromArray(CHAOS.integers(0, 999, (9, 40, 40), dtype=np.int16))
    for suffix in ("nrrd", "nii.gz", "mha"):
        sitk.WriteImage(volume, tmp_path / f"whole.{suffix}", useCompression=True)
        (tmp_path / f"cut.{suffix}").write_bytes((tmp_path / f"whole.{suffix}").read_bytes()[:9000])
    sitk.WriteImage(volume, tmp_path / "whole.nii")
    (tmp_path / "cut.nii").write_bytes((tmp_path / "whole.nii").read_bytes()[:9000])
    (tmp_path / "nothing").mkdir()
    for name, words in {
        "absent.png": "There is no file",
        "empty.png": "is empty",
        "page.png": "not an image",
        "page.nii.gz": "cannot be read",
        "letter.dcm": "DICOM",
        "cut.dcm": "truncated",
        "cut.png": "truncated",
        "cut.jpg": "truncated",
        "cut.bmp": "truncated",
        "cut.tif": "truncated",
        "cut_CT_small.dcm": "truncated",
        "cut_RG1_J2KR.dcm": "truncated",
        "cut_US1_J2KR.dcm": "truncated",
        "cut_examples_ybr_color.dcm": "truncated",
        "cut_MR_small_RLE.dcm": "truncated",
        "cut.nrrd": "truncated",
        "cut.nii.gz": "truncated",
        "cut.nii": "truncated",
        "cut.mha": "truncated",
        "nothing": "contains no image",
    }.items():
        with pytest.raises(InvalidInput, match=words) as problem:
            read_image(tmp_path / name)
        assert "\n" not in str(problem.value)
        assert str(problem.value).endswith(".")


def test_a_dicom_object_that_is_no_image_is_named() -> None:
    with pytest.raises(InvalidInput, match="only SR objects"):
        read_image(str(get_testdata_file("test-SR.dcm", download=False)))


def test_a_folder_with_one_picture_is_that_picture_and_with_two_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "one.png")
    (tmp_path / "readme.txt").write_text("x")
    assert read_image(tmp_path).name == "one"
    Image.fromarray(GREY).save(tmp_path / "two.png")
    with pytest.raises(InvalidInput, match=r"2 images \(one\.png, two\.png\)"):
        read_image(tmp_path)
    with pytest.raises(InvalidInput, match="Several files"):
        read_image([tmp_path / "one.png", tmp_path / "two.png"])


def test_importing_the_images_room_loads_no_reader() -> None:
    script = "import sys, MedPromptLib.images; print({'SimpleITK', 'pydicom', 'PIL', 'vtk'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
