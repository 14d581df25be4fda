"""Takes a picture of every state of the panel, in light and dark: `python Testing/take_screenshots.py`.

The panel is the module's own code on the stand-in for Slicer's Qt layer, 420 pixels wide; planners, weights, results
and scene are real. The report's HTML is shown by Chromium, if there is one. The pictures go to Resources/Screenshots.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "Testing")]

import slicer  # noqa: E402
from panel.states import STATES, states  # noqa: E402
from panel.user import MODULE_FILE, User  # noqa: E402
from PIL import Image, ImageChops  # noqa: E402
from PySide6 import QtCore, QtTest  # noqa: E402
from qt_adapter import desktop  # noqa: E402

from MedPromptLib.demo import demo_image  # noqa: E402
from MedPromptLib.images import read_image  # noqa: E402

COLORS = 256
"""Of a picture's palette; text stays as sharp and the files are a fourth as large."""
PAGE_COLORS = 80
PAGE_SIZE = (900, 4000)
"""Of the browser's window for the report."""
INDEX_SIZE = (1060, 1000)
"""Of the picture for the Extensions Index, at most."""


def picture(user: User) -> Image.Image:
    """The panel as it is now, without the empty ground below its last widget."""
    QtTest.QTest.qWait(60)
    data = QtCore.QBuffer()
    data.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    assert user.panel.frame.grab().save(data, "PNG")
    return cropped(Image.open(BytesIO(data.data().data())).convert("RGB"), user)


def cropped(image: Image.Image, user: User) -> Image.Image:
    """Without the stretch between the page's contents and the line at the bottom."""
    page = user.pages.currentWidget()
    shown = [w for w in page.children() if hasattr(w, "isVisible") and w.isVisible()]
    bottom = max(w.mapTo(user.panel.frame, QtCore.QPoint(0, w.height())).y() for w in shown) + 14
    foot = user.disclaimerLabel.mapTo(user.panel.frame, QtCore.QPoint(0, 0)).y() - 14
    if bottom >= foot:
        return image
    made = Image.new("RGB", (image.width, bottom + image.height - foot))
    made.paste(image.crop((0, 0, image.width, bottom)), (0, 0))
    made.paste(image.crop((0, foot, image.width, image.height)), (0, bottom))
    return made


def in_browser(page: Path) -> Image.Image | None:
    """A page of HTML as Chromium shows it, without the empty ground below its end; None if there is no Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print(f"No picture of {page.name}: it needs Chromium (apt-get install chromium).", file=sys.stderr)
        return None
    shot = page.with_suffix(".png")
    width, height = PAGE_SIZE
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}"]
    subprocess.run([browser, *options, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
    image = Image.open(shot).convert("RGB")
    ground = Image.new("RGB", image.size, image.getpixel((0, 0)))
    end = (ImageChops.difference(image, ground).getbbox() or (0, 0, *image.size))[3]
    return image.crop((0, 0, width, min(end + 24, height)))


def save(image: Image.Image, path: Path, colors: int = COLORS) -> None:
    """As a small PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)


def take(out: Path, work: Path, only: list[str], *, dark: bool) -> None:
    """All pictures of one theme, and, in light, the one for the Extensions Index."""
    theme = "dark" if dark else "light"
    with desktop() as application:
        slicer.app.use_theme(dark=dark)
        module = application.load_module(MODULE_FILE)
        panel = application.open_panel(module)
        user, radiograph = User(panel), read_image(demo_image())
        taken: dict[str, Image.Image] = {}
        for name in states(application, user, radiograph, work):
            if not only or name in only:
                taken[name] = picture(user)
                save(taken[name], out / theme / f"{name}.png")
                print(out / theme / f"{name}.png")
            if name == "done" and not only and not dark:
                beside = with_image(taken[name], review_overview(user))
                save(beside, out / "MedPrompt.png")
            if name == "report" and not dark and (not only or name in only):
                page = user.panel.widget.report
                page.save(work / "report.html")
                if picture_of_page := in_browser(work / "report.html"):
                    save(picture_of_page, out / "report.png", PAGE_COLORS)
            if only and set(only) <= set(taken):
                break
        panel.close()


def review_overview(user: User) -> Image.Image:
    """The film with the segments of the scene, drawn from the scene's nodes."""
    import numpy as np

    from MedPromptLib.review.training_set import as_uint8
    from MedPromptLib.scene import volume_to_image

    review: Any = user.analysis.results.review
    grey = as_uint8(volume_to_image(review.volume).array[0]).astype(np.float32)
    color = np.repeat(grey[..., None], 3, axis=2)
    for item in review.items:
        if item.segmentation is None:
            continue
        segment = item.segmentation.GetSegmentation().GetSegment(item.segment_id)
        labels = slicer.util.arrayFromSegmentBinaryLabelmap(item.segmentation, item.segment_id, review.volume)
        mask = labels[0] > 0
        tint = np.array(segment.GetColor()) * 255
        color[mask] = 0.65 * color[mask] + 0.35 * tint
        edge = mask & ~(np.roll(mask, 4, 0) & np.roll(mask, -4, 0) & np.roll(mask, 4, 1) & np.roll(mask, -4, 1))
        color[edge] = tint
    return Image.fromarray(color.round().astype(np.uint8))


def with_image(panel: Image.Image, film: Image.Image) -> Image.Image:
    """Panel and film side by side."""
    height = min(panel.height, INDEX_SIZE[1])
    width = min(round(film.width * height / film.height), INDEX_SIZE[0] - panel.width)
    film = film.resize((width, round(film.height * width / film.width)), Image.Resampling.LANCZOS)
    made = Image.new("RGB", (panel.width + width, panel.height))
    made.paste(panel, (0, 0))
    made.paste(film, (panel.width, (panel.height - film.height) // 2))
    return made


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--out", type=Path, default=ROOT / "Resources" / "Screenshots")
    parser.add_argument("--only", action="append", choices=STATES, default=[], help="repeatable; default: all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(MEDPROMPT_CONFIG=folder, MEDPROMPT_HOME=folder, MEDPROMPT_ARCHIVE_SECRET="of no importance")
        for dark in (False, True):
            work = Path(folder) / ("dark" if dark else "light")
            work.mkdir()
            take(options.out, work, options.only, dark=dark)


if __name__ == "__main__":
    main()
