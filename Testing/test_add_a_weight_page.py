"""The page on adding a weight: its files and commands, in its order, as a reader would type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image

from MedPromptLib.card_template import template
from MedPromptLib.plan import Intent

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "Resources" / "Docs" / "add-a-weight.md"


def test_the_commands_of_the_page_lead_to_weights_that_prompts_find(tmp_path):
    script = tmp_path / "bin" / "medprompt"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m MedPromptLib.cli "$@"\n')
    script.chmod(0o755)
    (script.parent / "python").symlink_to(sys.executable)
    environment = {
        **os.environ,
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]]),
        "MEDPROMPT_HOME": str(tmp_path / "home"),
        "MEDPROMPT_CONFIG": str(tmp_path / "config"),
    }
    said = ""
    for kind, file, content in re.findall(
        r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S
    ):
        if file:
            (tmp_path / file).write_text(content)
        elif kind == "bash":
            for command in content.splitlines():
                done = subprocess.run(
                    command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
                said += f"{command}\n{done.stdout}{done.stderr}"
    assert "Dice" in said
    assert (tmp_path / "results" / "1_fluid_seg_mri.seg.nrrd").is_file()
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "results" / "1_fluid_plain_seg_mri.seg.nrrd"))) > 0
    truth = np.asarray(Image.open(tmp_path / "data" / "brain_fluid" / "masks" / "10.png")) > 0
    assert 2 * (found[0] & truth).sum() / (found.sum() + truth.sum()) > 0.8
    assert not any((tmp_path / "home" / "weights").iterdir())
    assert (tmp_path / "template.toml").read_text() == template(Intent.SEGMENTATION, 2)


def test_the_readme_leads_to_the_page():
    assert "Resources/Docs/add-a-weight.md" in (ROOT / "README.md").read_text(encoding="utf-8")
