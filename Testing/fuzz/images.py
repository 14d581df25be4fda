"""Image files that are broken on purpose: NIfTI, NRRD, MetaImage, PNG and its like, and DICOM."""

from __future__ import annotations

import gzip
import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import numpy as np

from .damage import TEXTS, damaged

Files = dict[str, bytes]
"""Names in a folder, with what they hold."""
NAN, INF = float("nan"), float("inf")
BOMB = 2_000_000_000
RNG = np.random.default_rng(0)
VOXELS = RNG.integers(0, 200, (4, 20, 24)).astype(np.int16)


def image_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Every hand-made case, then `count` random damages to well-formed files."""
    yield from itertools.chain(_nifti_cases(), _nrrd_cases(), _meta_cases(), _picture_cases(), _dicom_cases())
    seeds = _well_formed()
    for number in range(count):
        name = random.choice(list(seeds))
        suffix = name if random.random() < 0.95 else random.choice(list(seeds))
        yield f"damaged {name} {number}", {f"image{suffix[suffix.index('.') :]}": damaged(seeds[name], random)}


# ------------------------------------------------------------------------------------------------------------ NIfTI


def nifti(data: bytes | None = None, kind: tuple[int, int] = (4, 16), **fields: Any) -> bytes:
    """A NIfTI-1 file of 24 × 20 × 4 int16 voxels, some of its header replaced (names are those of nifti1.h)."""
    values = {
        "sizeof_hdr": 348,
        "dim": (3, 24, 20, 4, 1, 1, 1, 1),
        "pixdim": (1.0, 0.7, 0.8, 3.0, 0, 0, 0, 0),
        "vox_offset": 352.0,
        "slope": (1.0, 0.0),
        "codes": (0, 1),
        "quatern": (0.0,) * 6,
        "srow": (0.7, 0, 0, 1, 0, 0.8, 0, 2, 0, 0, 3.0, 3),
        "magic": b"n+1\0",
        "order": "<",
    } | fields
    order, header = values["order"], bytearray(352)
    struct.pack_into(f"{order}i", header, 0, values["sizeof_hdr"])
    struct.pack_into(f"{order}8h", header, 40, *values["dim"])
    struct.pack_into(f"{order}2h", header, 70, *kind)
    struct.pack_into(f"{order}8f", header, 76, *values["pixdim"])
    struct.pack_into(f"{order}3f", header, 108, values["vox_offset"], *values["slope"])
    struct.pack_into(f"{order}2h", header, 252, *values["codes"])
    struct.pack_into(f"{order}6f", header, 256, *values["quatern"])
    struct.pack_into(f"{order}12f", header, 280, *values["srow"])
    header[344:348] = values["magic"]
    return bytes(header) + (VOXELS.tobytes() if data is None else data)


def _nifti_cases() -> Iterator[tuple[str, Files]]:
    whole = nifti()
    for length in (1, 40, 347, 348, 351, 352, 353, len(whole) // 2, len(whole) - 1):
        yield f"nifti cut at {length}", {"image.nii": whole[:length]}
        yield f"nifti.gz cut at {length}", {"image.nii.gz": gzip.compress(whole, mtime=0)[:length]}
        yield f"gzip of cut nifti {length}", {"image.nii.gz": gzip.compress(whole[:length], mtime=0)}
    big = 32767
    shapes: list[tuple[int, ...]] = [
        (0,) * 8, (3, 0, 20, 4, 1, 1, 1, 1), (3, -24, 20, 4, 1, 1, 1, 1), (8, *(1,) * 7), (-1, *(1,) * 7), (7,
        *(2,) * 7),
        (3, big, big, big, 1, 1, 1, 1), (7, *(big,) * 7), (3, 24, 20, big, 1, 1, 1, 1), (3, big, big, 4, 1, 1, 1, 1),
        (4, 24, 20, 2, 2, 1, 1, 1), (4, 24, 20, 1, 4, 1, 1, 1), (5, 24, 20, 4, 1, 3, 1, 1), (2, 24, 20, 4, 1, 1, 1, 1),
        (1, 24, 1, 1, 1, 1, 1, 1), (3, 1, 1, 1, 1, 1, 1, 1), (3, 1920, 1, 1, 1, 1, 1, 1), (3, 24, 20, 4, 0, 0, 0, 0),
    ]  # fmt: skip
    for shape in shapes:
        yield f"nifti dim {shape}", {"image.nii": nifti(dim=shape)}
        yield f"nifti.gz dim {shape}", {"image.nii.gz": gzip.compress(nifti(dim=shape), mtime=0)}
    for value in (0.0, -1.0, NAN, INF, 1e-30, 1e30):
        yield f"nifti pixdim {value}", {"image.nii": nifti(pixdim=(1, value, 0.8, 3, 0, 0, 0, 0), codes=(0, 0))}
        yield f"nifti qform pixdim {value}", {"image.nii": nifti(pixdim=(value,) * 8, codes=(1, 0))}
        yield f"nifti srow {value}", {"image.nii": nifti(srow=(value,) * 12)}
        yield f"nifti srow row {value}", {"image.nii": nifti(srow=(value, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0))}
        yield f"nifti origin {value}", {"image.nii": nifti(srow=(0.7, 0, 0, value, 0, 0.8, 0, value, 0, 0, 3, value))}
        yield f"nifti quaternion {value}", {"image.nii": nifti(quatern=(value,) * 6, codes=(1, 0))}
        yield f"nifti slope {value}", {"image.nii": nifti(slope=(value, value))}
        yield f"nifti vox_offset {value}", {"image.nii": nifti(vox_offset=value)}
    yield "nifti vox_offset inside the header", {"image.nii": nifti(vox_offset=4)}
    yield "nifti axes alike", {"image.nii": nifti(srow=(1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0))}
    yield "nifti sheared", {"image.nii": nifti(srow=(1, 0.4, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0))}
    kinds = {
        "none": (0, 0), "bit": (1, 1), "uint8": (2, 8), "float32": (16, 32), "complex64": (32, 64), "float64": (64, 64),
        "rgb": (128, 24), "uint64": (1280, 64), "int64": (1024, 64), "float128": (1536, 128), "complex128": (1792, 128),
        "complex256": (2048, 256), "rgba": (2304, 32), "unknown": (999, 16), "bits differ": (4, 64), "negative": (4,
        -16),
    }  # fmt: skip
    for name, kind in kinds.items():
        size = 1920 * max(kind[1], 16) // 8
        yield f"nifti {name}", {"image.nii": nifti(RNG.bytes(size), kind)}
        yield f"nifti {name} ones", {"image.nii": nifti(b"\xff" * size, kind)}
    for value in (NAN, INF, -INF, 3e38, 1e-45):
        array = np.full(1920, value, np.float32)
        yield f"nifti of {value}", {"image.nii": nifti(array.tobytes(), (16, 32))}
        array[::2] = RNG.random(960)
        yield f"nifti with {value}", {"image.nii": nifti(array.tobytes(), (16, 32))}
    wide = np.array([0, 1, 2**62, 2**64 - 1], np.uint64).repeat(480)
    yield "nifti wide uint64", {"image.nii": nifti(wide.tobytes(), (1280, 64))}
    yield "nifti magic", {"image.nii": nifti(magic=b"abcd")}
    yield "nifti detached", {"image.nii": nifti(magic=b"ni1\0")}
    yield "nifti big-endian header of small-endian data", {"image.nii": nifti(order=">")}
    yield "nifti sizeof_hdr", {"image.nii": nifti(sizeof_hdr=-1)}
    yield "nifti-2", {"image.nii": nifti(sizeof_hdr=540) + bytes(400)}
    yield "gzip of noise", {"image.nii.gz": gzip.compress(RNG.bytes(500), mtime=0)}
    yield "no gzip", {"image.nii.gz": b"\x1f\x8b" + RNG.bytes(500)}
    yield "nifti under another name", {"image.png": whole}
    yield "picture under the name of a volume", {"image.nii": picture()}


# ------------------------------------------------------------------------------------------------- NRRD, MetaImage


def nrrd(data: bytes | None = None, **fields: str) -> bytes:
    """An NRRD file of 24 × 20 × 4 int16 voxels with fields replaced; an empty text leaves one out."""
    values = {
        "type": "int16",
        "dimension": "3",
        "sizes": "24 20 4",
        "encoding": "raw",
        "endian": "little",
        "space": "left-posterior-superior",
        "space directions": "(0.7,0,0) (0,0.8,0) (0,0,3)",
        "space origin": "(1,2,3)",
    } | {name.replace("_", " "): text for name, text in fields.items()}
    lines = "".join(f"{name}: {text}\n" for name, text in values.items() if text)
    return f"NRRD0004\n{lines}\n".encode("utf-8", "surrogatepass") + (VOXELS.tobytes() if data is None else data)


def _nrrd_cases() -> Iterator[tuple[str, Files]]:
    whole = nrrd()
    for length in (1, 8, 9, 60, len(whole) - len(VOXELS.tobytes()), len(whole) // 2, len(whole) - 1):
        yield f"nrrd cut at {length}", {"image.nrrd": whole[:length]}
    tries = {
        "sizes": ("0 20 4", "-24 20 4", "24 20", "24 20 4 1", "a b c", f"{BOMB} {BOMB} {BOMB}", "30000 30000 30",
        "1 1 1"),
        "dimension": ("0", "-1", "2", "17", "x", str(BOMB)),
        "type": ("block", "uint64", "double", "long double", "complex", "x", "uint8"),
        "encoding": ("gzip", "bzip2", "ascii", "hex", "x"),
        "endian": ("big", "x"),
        "space": ("x", "scanner-xyz-time", "3D-right-handed"),
        "space_directions": (
            "(0,0,0) (0,0,0) (0,0,0)", "(1,0,0) (1,0,0) (1,0,0)", "(nan,0,0) (0,1,0) (0,0,1)",
            "(inf,0,0) (0,1,0) (0,0,1)",
            "none (0,1,0) (0,0,1)", "none none none", "(1e-300,0,0) (0,1,0) (0,0,1)", "(1e300,0,0) (0,1,0) (0,0,1)",
            "x",
            "(1,0.5,0) (0,1,0) (0,0,1)",
        ),
        "space_origin": ("(nan,nan,nan)", "(1e300,0,0)", "(1,2)", "x"),
        "kinds": ("domain domain list", "vector domain domain", "RGB-color domain domain", "x x x"),
        "data_file": ("missing.raw", "../outside.raw", "/etc/passwd", "LIST", "image.nrrd", "%d.raw 1 3 1",
        "%s%n 1 2 1"),
        "byte_skip": ("-1", "-2", str(BOMB), "x"),
        "line_skip": (str(BOMB), "-1"),
        "content": TEXTS,
    }  # fmt: skip
    for field, texts in tries.items():
        for text in texts:
            yield f"nrrd {field} {text[:30]!r}", {"image.nrrd": nrrd(**{field: text})}
        yield f"nrrd without {field}", {"image.nrrd": nrrd(**{field: ""})}
    packed = gzip.compress(VOXELS.tobytes(), mtime=0)
    yield "nrrd gzip cut", {"image.nrrd": nrrd(packed[: len(packed) // 2], encoding="gzip")}
    yield "nrrd gzip of less", {"image.nrrd": nrrd(packed, encoding="gzip", sizes="24 20 4000")}
    yield "nrrd gzip bomb", {"image.nrrd": nrrd(packed, encoding="gzip", sizes="24000 20000 20")}
    for value in (NAN, INF):
        yield f"nrrd of {value}", {"image.nrrd": nrrd(np.full(1920, value, "<f4").tobytes(), type="float")}
    yield "nrrd time", {"image.nrrd": nrrd(dimension="4", sizes="2 24 20 2", space_directions="", space="")}
    yield "nhdr without data", {"image.nhdr": nrrd(b"", data_file="gone.raw")}
    yield "nhdr with short data", {"image.nhdr": nrrd(b"", data_file="data.raw"), "data.raw": b"short"}


def meta(data: bytes | None = None, **fields: str) -> bytes:
    """A MetaImage file of 24 × 20 × 4 int16 voxels with fields replaced; an empty text leaves one out."""
    values = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "1 2 3",
        "ElementSpacing": "0.7 0.8 3",
        "DimSize": "24 20 4",
        "ElementType": "MET_SHORT",
        **fields,
    }
    place = values.pop("ElementDataFile", "LOCAL")
    lines = "".join(f"{name} = {text}\n" for name, text in values.items() if text)
    return f"{lines}ElementDataFile = {place}\n".encode() + (VOXELS.tobytes() if data is None else data)


def _meta_cases() -> Iterator[tuple[str, Files]]:
    whole = meta()
    for length in (1, 30, len(whole) - len(VOXELS.tobytes()), len(whole) // 2, len(whole) - 1):
        yield f"mha cut at {length}", {"image.mha": whole[:length]}
    tries = {
        "NDims": ("0", "-1", "2", "4", "11", "99", str(BOMB), "x"),
        "DimSize": ("0 20 4", "-24 20 4", "24 20", f"{BOMB} {BOMB} {BOMB}", "30000 30000 30", "x"),
        "ElementType": ("MET_FOO", "MET_ULONG_LONG", "MET_DOUBLE", "MET_SHORT_ARRAY", "MET_NONE"),
        "ElementSpacing": ("0 0 0", "-1 -1 -1", "nan nan nan", "inf 1 1", "1e-300 1 1", "1", "x"),
        "TransformMatrix": ("0 0 0 0 0 0 0 0 0", "1 0 0 1 0 0 1 0 0", "nan 0 0 0 1 0 0 0 1", "1 0.5 0 0 1 0 0 0 1",
        "1"),
        "Offset": ("nan nan nan", "1e300 0 0", "1"),
        "ElementDataFile": (
            "missing.raw", "../outside.raw", "LIST", "LIST 2", "%s%n%d 1 3 1", "%099d.raw 1 3 1", "image.mha",
            "/dev/zero",
        ),
        "ElementNumberOfChannels": ("0", "2", "3", "4", "-1", str(BOMB)),
        "HeaderSize": ("-1", str(BOMB)),
        "CompressedData": ("True",),
        "CompressedDataSize": ("-1", str(BOMB)),
        "BinaryData": ("False",),
        "Comment": TEXTS[:12],
    }  # fmt: skip
    for field, texts in tries.items():
        for text in texts:
            yield f"mha {field} {text[:30]!r}", {"image.mha": meta(**{field: text})}
        yield f"mha without {field}", {"image.mha": meta(**{field: ""})}
    yield "mha packed cut", {"image.mha": meta(zlib.compress(VOXELS.tobytes())[:300], CompressedData="True")}
    yield "mhd without data", {"image.mhd": meta(b"", ElementDataFile="gone.raw")}
    yield "mhd with short data", {"image.mhd": meta(b"", ElementDataFile="data.raw"), "data.raw": b"short"}


# --------------------------------------------------------------------------------------------------- flat pictures


def png(
    width: int = 30, height: int = 20, bits: int = 8, colour: int = 0, data: bytes | None = None, extra: bytes = b""
) -> bytes:
    """A PNG file, chunk by chunk; `extra` goes before the pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    if data is None:
        row = (width * channels * bits + 7) // 8
        data = b"".join(b"\0" + RNG.bytes(row) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def picture(mode: str = "L", kind: str = "PNG", size: tuple[int, int] = (30, 20), **options: Any) -> bytes:
    """A picture by Pillow."""
    from PIL import Image

    stream = io.BytesIO()
    pixels = Image.fromarray(np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8))
    pixels.convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def _picture_cases() -> Iterator[tuple[str, Files]]:
    for bits, colour in itertools.product((1, 2, 4, 8, 16, 3), (0, 2, 3, 4, 6, 5)):
        yield f"png {bits} bit colour {colour}", {"image.png": png(bits=bits, colour=colour)}
    for width, height in ((0, 20), (30, 0), (1, 1), (2**31 - 1, 2**31 - 1), (60_000, 60_000), (2**31, 1), (1, 2**20)):
        yield f"png {width} × {height}", {"image.png": png(width, height, data=bytes(1000))}
        yield f"png 16-bit rgb {width} × {height}", {"image.png": png(width, height, 16, 2, bytes(1000))}
    whole = png()
    for length in (7, 8, 20, 33, 60, len(whole) - 13, len(whole) - 1):
        yield f"png cut at {length}", {"image.png": whole[:length]}
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000)))
    yield "png text bomb", {"image.png": png(extra=text)}
    yield "png palette missing", {"image.png": png(colour=3)}
    yield "png transparency", {"image.png": png(colour=0, extra=chunk(b"tRNS", b"\0\1"))}
    yield "png profile", {"image.png": png(extra=chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile")))}
    for mode, kind in (("RGB", "JPEG"), ("CMYK", "JPEG"), ("L", "BMP"), ("P", "GIF"), ("RGB", "WEBP"), ("L", "TIFF")):
        data = picture(mode, kind)
        name = f"image.{kind.lower().replace('tiff', 'tif').replace('jpeg', 'jpg')}"
        yield f"{kind} {mode}", {name: data}
        for share in (0.1, 0.5, 0.9):
            yield f"{kind} {mode} cut at {share}", {name: data[: int(share * len(data))]}
        yield f"{kind} as dcm", {"image.dcm": data}
        yield f"{kind} as nrrd", {"image.nrrd": data}
    bmp = bytearray(picture("L", "BMP"))
    struct.pack_into("<ii", bmp, 18, 60_000, -60_000)
    yield "bmp header", {"image.bmp": bytes(bmp)}
    tiff = bytearray(picture("L", "TIFF"))
    start = struct.unpack_from("<I", tiff, 4)[0]
    after = start + 2 + 12 * struct.unpack_from("<H", tiff, start)[0]
    struct.pack_into("<I", tiff, after, start)
    yield "tiff whose pages run in a circle", {"image.tif": bytes(tiff)}
    struct.pack_into("<I", tiff, 4, 2**32 - 4)
    yield "tiff directory outside", {"image.tif": bytes(tiff)}
    yield "text as png", {"image.png": b"this is no picture"}
    yield "no bytes", {"image.png": b""}
    yield "two pictures", {"a.png": whole, "b.png": whole}
    yield "nothing but text", {"readme.txt": b"no image"}


# ------------------------------------------------------------------------------------------------------------ DICOM


def dicom(
    syntax: str = "1.2.840.10008.1.2.1", without: tuple[str, ...] = (), pixels: bytes | None = None, **tags: Any
) -> bytes:
    """A CT slice of 20 × 24 pixels; tags replaced or left out, whatever DICOM says about them."""
    import warnings

    from pydicom import config
    from pydicom.dataset import Dataset, FileMetaDataset

    values: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "SOPInstanceUID": "1.2.3.4",
        "SeriesInstanceUID": "1.2.3",
        "Modality": "CT",
        "PatientName": "Doe^Jane",
        "Rows": 20,
        "Columns": 24,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelSpacing": ["0.7", "0.8"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "ImagePositionPatient": ["1", "2", "3"],
        "RescaleSlope": "1",
        "RescaleIntercept": "-1000",
        **tags,
    }
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        for name, value in values.items():
            if name not in without and value is not None:
                setattr(dataset, name, value)
        if "PixelData" not in without:
            dataset.PixelData = VOXELS[0].tobytes() if pixels is None else pixels
            dataset["PixelData"].VR = "OW"
            # Compressed syntaxes must be marked so, or pydicom does not write them.
            dataset["PixelData"].is_undefined_length = syntax.startswith("1.2.840.10008.1.2.4") or syntax.endswith(
                "1.2.5"
            )
        stream = io.BytesIO()
        dataset.save_as(stream, enforce_file_format=True, implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=True)
    return stream.getvalue()


def _item(data: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(data)) + data


def _dicom_cases() -> Iterator[tuple[str, Files]]:
    whole = dicom()
    for length in (1, 128, 132, 140, 200, 400, len(whole) - 900, len(whole) - 1):
        yield f"dicom cut at {length}", {"image.dcm": whole[:length]}
    yield "dicom without preamble", {"image.dcm": whole[132:]}
    names = (
        "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns", "BitsAllocated",
        "BitsStored",
        "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "PixelSpacing",
        "ImageOrientationPatient", "ImagePositionPatient", "RescaleSlope", "RescaleIntercept", "PixelData",
    )  # fmt: skip
    for name in names:
        yield f"dicom without {name}", {"image.dcm": dicom(without=(name,))}
        yield (
            f"dicom monochrome1 without {name}",
            {"image.dcm": dicom(**{"PhotometricInterpretation": "MONOCHROME1"}, without=(name,))},
        )
    tries: dict[str, tuple[Any, ...]] = {
        "Rows": (0, 1, 65535),
        "Columns": (0, 1, 65535),
        "NumberOfFrames": ("0", "-1", "2", "2147483647", "99999999999999999999", "1.5", "x", ""),
        "BitsAllocated": (0, 1, 8, 12, 24, 32, 64, 65535),
        "BitsStored": (0, 1, 17, 65535),
        "HighBit": (0, 15, 65535),
        "PixelRepresentation": (1, 7),
        "SamplesPerPixel": (0, 2, 3, 4, 65535),
        "PhotometricInterpretation": ("", "RGB", "PALETTE COLOR", "YBR_FULL_422", "MONOCHROME1", "XYZ", "\x1b[31m"),
        "PlanarConfiguration": (1, 9),
        "PixelSpacing": (["0", "0"], ["-1", "1"], ["nan", "nan"], ["inf", "1"], ["1"], ["1", "1", "1"], "x", ""),
        "ImageOrientationPatient": (["0"] * 6, ["1", "0", "0"] * 2, ["nan"] * 6, ["1"], ["x"] * 6, ["1e300"] * 6),
        "ImagePositionPatient": (["nan"] * 3, ["1e300"] * 3, ["1"], ["x", "y", "z"]),
        "RescaleSlope": ("0", "nan", "inf", "1e300", "x", "", ["1", "2"]),
        "RescaleIntercept": ("nan", "1e300", "x", ""),
        "SliceThickness": ("0", "nan", "x", "-1"),
        "Modality": ("", "SR", "SEG", "XX", "\x1b[2J"),
        "PatientName": TEXTS,
        "SpecificCharacterSet": ("ISO_IR 192", "ISO 2022 IR 87", "x", ["", "x"]),
        "BodyPartExamined": ("CHEST", "\x00", "x" * 500),
    }
    for name, values in tries.items():
        for value in values:
            try:
                yield f"dicom {name} {str(value)[:30]!r}", {"image.dcm": dicom(**{name: value})}
            except (ValueError, TypeError, OverflowError, AttributeError, struct.error):
                continue  # pydicom cannot write this
    syntaxes = {
        "implicit": "1.2.840.10008.1.2", "big endian": "1.2.840.10008.1.2.2", "deflated": "1.2.840.10008.1.2.1.99",
        "jpeg": "1.2.840.10008.1.2.4.50", "jpeg lossless": "1.2.840.10008.1.2.4.70",
        "jpeg-ls": "1.2.840.10008.1.2.4.80",
        "jpeg 2000": "1.2.840.10008.1.2.4.90", "htj2k": "1.2.840.10008.1.2.4.201", "mpeg": "1.2.840.10008.1.2.4.100",
        "rle": "1.2.840.10008.1.2.5", "private": "1.2.3.4.5.6",
    }  # fmt: skip
    for name, syntax in syntaxes.items():
        for what, data in (("noise", RNG.bytes(300)), ("jpeg", picture("L", "JPEG", (24, 20))), ("nothing", b"")):
            packed = _item(b"") + _item(data) + b"\xfe\xff\xdd\xe0\0\0\0\0"
            other = "MONOCHROME1" if what == "noise" else "MONOCHROME2"
            try:
                made = dicom(
                    syntax, pixels=packed, BitsAllocated=8, BitsStored=8, HighBit=7, PhotometricInterpretation=other
                )
            except (ValueError, TypeError, AttributeError, NotImplementedError):
                # What pydicom does not write itself gets its syntax afterwards, in place.
                plain = b"1.2.840.10008.1.2.1\0"
                made = dicom().replace(plain, syntax.encode().ljust(len(plain), b"\0")[: len(plain)], 1)
            yield f"dicom {name} of {what}", {"image.dcm": made}
    second = dicom(SOPInstanceUID="1.2.3.5", ImagePositionPatient=["1", "2", "6"])
    pairs = {
        "two slices": {},
        "two series": {"SeriesInstanceUID": "1.2.9"},
        "no position": {"without": ("ImagePositionPatient",)},
        "another size": {"Rows": 10, "pixels": VOXELS[0, :10].tobytes()},
        "another direction": {"ImageOrientationPatient": ["0", "1", "0", "0", "0", "1"]},
        "one place twice": {"ImagePositionPatient": ["1", "2", "6"], "pixels": VOXELS[1].tobytes()},
        "a text": None,
    }
    for name, options in pairs.items():
        first = b"DICM? no" if options is None else dicom(**options)  # type: ignore[arg-type]
        yield f"dicom folder, {name}", {"series/a.dcm": first, "series/b.dcm": second}
    yield "dicom folder of 40 patients' names", {f"series/{n}.dcm": dicom(SOPInstanceUID=f"1.2.{n}") for n in range(40)}


@cache
def _well_formed() -> dict[str, bytes]:
    seeds = {
        "a.nii": nifti(),
        "a.nii.gz": gzip.compress(nifti(), mtime=0),
        "a.nrrd": nrrd(),
        "b.nrrd": nrrd(gzip.compress(VOXELS.tobytes(), mtime=0), encoding="gzip"),
        "a.mha": meta(),
        "a.png": png(),
        "b.png": png(bits=16, colour=6),
        "a.jpg": picture("RGB", "JPEG"),
        "a.tif": picture("L", "TIFF"),
        "b.tif": picture("RGB", "TIFF", compression="tiff_lzw"),
        "a.bmp": picture("L", "BMP"),
        "a.dcm": dicom(),
        "b.dcm": dicom(PhotometricInterpretation="MONOCHROME1", PixelRepresentation=1),
        "c.dcm": dicom("1.2.840.10008.1.2"),
    }
    return seeds
