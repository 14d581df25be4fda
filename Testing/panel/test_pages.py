"""The pages Weights and Settings, driven by mouse and keyboard."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import slicer
from PySide6 import QtTest
from qt_adapter import Desktop

from MedPromptLib.planner.consent import Consents
from panel.user import ANALYSE, LUNGS_PROMPT, MODULE_FILE, SETTINGS, WEIGHTS, User


@pytest.fixture
def a_weight_folder(tmp_path: Path) -> Path:
    """A weight of the user's own: a copy of a shipped one under another name."""
    from MedPromptLib.catalog import Catalog

    folder = tmp_path / "mine" / "my_polyps"
    shutil.copytree(Catalog.load().folder("polyp_seg_colonoscopy"), folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card |= {"id": "my_polyps", "title": "My own polyps"}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


# ----------------------------------------------------------------------------------------------------------- weights


def test_cards_are_readable_sheets(a_user: User) -> None:
    a_user.open_page(WEIGHTS)
    catalog = a_user.logic.catalog
    assert a_user.weightSelector.count() == len(catalog)
    for card in catalog:
        a_user.choose(a_user.weightSelector, card.id)
        sheet = a_user.cardView.toPlainText()
        for text in (card.title, card.intended_use, card.licence, *card.limitations):
            assert " ".join(text.split()) in " ".join(sheet.split())
        best = next(m for m in card.evaluation if m.split == "test")
        assert f"{best.value:.3f}" in sheet
    assert f"{len(catalog)} weights use" in a_user.usageLabel.text()
    assert not a_user.removeWeightButton.isEnabled(), "shipped weights are not removed here"


def test_a_weight_is_added_used_and_removed(
    a_user: User, a_weight_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: bool(asked.append(text)))
    a_user.open_page(WEIGHTS)
    before = a_user.weightSelector.count()
    a_user.panel.widget.weights.add(a_weight_folder)
    assert "trying" in a_user.weightsStatusLabel.text()
    a_user.wait(lambda: "Added" in a_user.weightsStatusLabel.text())
    assert a_user.weightSelector.count() == before + 1
    assert a_user.weightSelector.currentText() == "my_polyps"
    assert "My own polyps" in a_user.cardView.toPlainText()
    assert (tmp_path / "home" / "weights" / "my_polyps" / "card.json").is_file()

    a_user.open_page(ANALYSE)
    a_user.logic.usePlanner("rules")
    a_user.type_prompt("Segment the polyp.")
    a_user.wait_for_the_plan()
    combo = a_user.analysis.planView.weightSelector(1).qt_object
    assert {combo.itemText(n).split(",")[0] for n in range(combo.count())} == {
        "with my_polyps",
        "with polyp_seg_colonoscopy",
    }

    a_user.open_page(WEIGHTS)
    a_user.choose(a_user.weightSelector, "my_polyps")
    assert a_user.removeWeightButton.isEnabled()
    a_user.click(a_user.removeWeightButton)
    assert asked == ["Delete the weight “my_polyps” from your folder?"]
    assert (tmp_path / "home" / "weights" / "my_polyps").exists(), "nothing is deleted without consent"
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: True)
    a_user.click(a_user.removeWeightButton)
    assert "Removed" in a_user.weightsStatusLabel.text()
    assert a_user.weightSelector.count() == before
    assert not (tmp_path / "home" / "weights" / "my_polyps").exists()


def test_a_folder_that_is_no_weight_is_one_sentence(a_user: User, tmp_path: Path) -> None:
    a_user.open_page(WEIGHTS)
    a_user.panel.widget.weights.add(tmp_path)
    a_user.wait(lambda: "There is no card.json" in a_user.weightsStatusLabel.text())
    assert "c0392b" in a_user.weightsStatusLabel.styleSheet()
    assert a_user.addWeightButton.isEnabled()


def test_verifying_finds_an_altered_file(a_user: User, a_weight_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_user.open_page(WEIGHTS)
    a_user.click(a_user.verifyWeightsButton)
    a_user.wait(lambda: "weights are whole" in a_user.weightsStatusLabel.text())

    file = a_weight_folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    monkeypatch.setenv("MEDPROMPT_WEIGHTS", str(a_weight_folder.parent))
    a_user.analysis.cardsChanged()
    a_user.click(a_user.verifyWeightsButton)
    a_user.wait(lambda: "differs from the SHA-256" in a_user.weightsStatusLabel.text())


def test_a_broken_card_is_named_and_hides_no_other(
    a_user: User, a_weight_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (a_weight_folder / "card.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv("MEDPROMPT_WEIGHTS", str(a_weight_folder.parent))
    a_user.analysis.cardsChanged()
    a_user.open_page(WEIGHTS)
    assert "my_polyps" in a_user.usageLabel.text()
    assert a_user.weightSelector.count() > 3


# ---------------------------------------------------------------------------------------------------------- settings


def test_the_privacy_statement_is_on_the_page(a_user: User) -> None:
    a_user.open_page(SETTINGS)
    assert a_user.see(a_user.privacyLabel)
    assert "never leave this computer" in a_user.privacyLabel.text()
    assert "not for diagnosis" in a_user.privacyLabel.text()
    assert a_user.see(a_user.disclaimerLabel)


def test_the_rules_alone_can_be_chosen_and_are_kept(a_desktop: Desktop, a_user: User) -> None:
    a_user.open_page(SETTINGS)
    a_user.choose(a_user.plannerSelector, "Rules only")
    assert a_user.logic.planner == "rules"
    second = a_desktop.open_panel(__import__("sys").modules[MODULE_FILE.stem])
    assert User(second).logic.planner == "rules"
    assert User(second).plannerSelector.currentText() == "Rules only"
    second.close()


def test_the_device_of_new_scenes_is_kept(a_user: User) -> None:
    a_user.open_page(SETTINGS)
    a_user.choose(a_user.defaultDeviceSelector, "cpu")
    slicer.mrmlScene.Clear()
    assert a_user.deviceSelector.currentText() == "cpu"


def choose_endpoint(user: User, url: str = "http://localhost:1/v1") -> None:
    """Set up an endpoint on the page."""
    user.open_page(SETTINGS)
    user.choose(user.plannerSelector, "Rules and an endpoint")
    for field, text in ((user.urlEdit, url), (user.modelEdit, "a-model")):
        field.clear()
        QtTest.QTest.keyClicks(field, text)
        user.press("Return", field)


def test_an_endpoint_is_used_only_after_what_is_sent_was_seen_and_agreed_to(a_ready_user: User) -> None:
    user = a_ready_user
    choose_endpoint(user)
    assert not user.agreeButton.isEnabled(), "whoever agrees must have seen what is sent"
    user.open_page(ANALYSE)
    user.wait_for_the_plan()
    QtTest.QTest.qWait(1000)
    assert "the endpoint is asked when you press Apply" in user.verdictLabel.text(), "nothing is sent by typing"
    user.click(user.applyButton)
    user.wait(lambda: "You have not agreed" in user.statusLabel.text())

    user.open_page(SETTINGS)
    user.click(user.disclosureButton)
    assert LUNGS_PROMPT in user.disclosureView.toPlainText()
    assert "http://localhost:1/v1/chat/completions" in user.disclosureView.toPlainText()
    user.click(user.agreeButton)
    assert "You have agreed" in user.endpointLabel.text()
    endpoint = user.panel.widget.settings._endpoint()
    assert Consents().given(endpoint)

    user.open_page(ANALYSE)
    user.click(user.applyButton)
    user.wait(lambda: "could not be reached" in user.statusLabel.text())
    assert user.applyButton.isEnabled()

    user.type_prompt("Segment the lungs of Mr. John Smith, born 12.03.1961.")
    user.click(user.applyButton)
    user.wait(lambda: "may identify somebody (name), so the prompt was not sent" in user.statusLabel.text())

    user.open_page(SETTINGS)
    user.click(user.takeBackButton)
    assert not Consents().given(endpoint)
    assert "until you agree" in user.endpointLabel.text()


def test_an_unusable_address_is_one_sentence(a_ready_user: User) -> None:
    choose_endpoint(a_ready_user, "no address")
    a_ready_user.click(a_ready_user.disclosureButton)
    assert "is not usable" in a_ready_user.endpointLabel.text()
    assert not a_ready_user.agreeButton.isEnabled()


def test_a_key_is_never_kept(a_ready_user: User) -> None:
    choose_endpoint(a_ready_user)
    QtTest.QTest.keyClicks(a_ready_user.keyEdit, "a-secret")
    a_ready_user.press("Return", a_ready_user.keyEdit)
    settings = slicer.app.userSettings().qt_object
    settings.sync()
    assert "a-secret" not in Path(settings.fileName()).read_text(encoding="utf-8")
    assert "a-secret" not in slicer.mrmlScene.GetNodesByClass("vtkMRMLScriptedModuleNode").GetItemAsObject(0).__str__()
