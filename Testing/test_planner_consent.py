"""Before a prompt leaves the machine: what is shown is what is sent, what may identify is flagged, consent is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from planner_for_tests import CARDS

from MedPromptLib.errors import EndpointFailed, InvalidInput
from MedPromptLib.planner import EndpointPlanner
from MedPromptLib.planner.consent import Consents, configuration_folder, disclosure, identifiers


@pytest.mark.parametrize(
    ("prompt", "kind", "text"),
    [
        ("CT of 12.03.2024, segment the liver", "date", "12.03.2024"),
        ("CT of 2024-03-12, segment the liver", "date", "2024-03-12"),
        ("scan from 3/4/24", "date", "3/4/24"),
        ("born March 5, 1961", "date", "March 5, 1961"),
        ("born on 5th of no month, 5 March 1961", "date", "5 March 1961"),
        ("2024年3月12日のCT", "date", "2024年3月12日"),
        ("MRN: A-12345 liver please", "record number", "MRN: A-12345"),
        ("patient number 4711", "record number", "patient number 4711"),
        ("liver of 00123456", "record number", "00123456"),
        ("send to jane.doe@example.org", "e-mail address", "jane.doe@example.org"),
        ("call +49 170 12345", "telephone number", "+49 170 12345"),
        ("call 555-123-4567", "telephone number", "555-123-4567"),
        ("call +1 (555) 123-4567", "telephone number", "+1 (555) 123-4567"),
        ("Mr. Smith has a cough", "name", "Mr. Smith"),
        ("Frau Dr Müller sent this", "name", "Frau Dr Müller"),
        ("señora García Márquez", "name", "señora García Márquez"),
        ("the patient is John Smith", "name", "patient is John Smith"),
        ("Segment the liver of Smith, John", "name", "Smith, John"),
    ],
)
def test_what_may_identify_somebody_is_found_with_its_kind(prompt: str, kind: str, text: str) -> None:
    found = identifiers(prompt)
    assert (kind, text, prompt.index(text)) in found


@pytest.mark.parametrize(
    "prompt",
    [
        "Segment the lungs on this chest x-ray and check for tuberculosis.",
        "If the nodule is larger than 3.5 ml or 12 cm2, classify it with at least 0.75.",
        "Grade 2 or 3? Then mark 2 lesions, separate 3 others and decide 1 of 4.",
        "T1-weighted MRI, 512 x 512, slices 10-20, spacing 0.70 mm.",
        "May the left kidney be segmented? CT with 120 kV.",
        "COVID-19 on chest CT; BI-RADS 4 or 5; patient has pneumonia.",
    ],
)
def test_ordinary_requests_identify_nobody(prompt: str) -> None:
    assert identifiers(prompt) == ()


def test_several_identifiers_are_told_in_order_and_once() -> None:
    prompt = "Mr. Smith, born 12.03.1961, MRN 1234567, smith@example.org"
    found = identifiers(prompt)
    assert [f.kind for f in found] == ["name", "date", "record number", "e-mail address"]
    assert [f.start for f in found] == sorted(f.start for f in found)
    assert all(prompt[f.start :].startswith(f.text) for f in found)


@pytest.fixture
def a_listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An endpoint on the loopback interface that keeps what it is sent and answers with an error."""
    kept: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}/v1", kept
    http.shutdown()
    http.server_close()
    thread.join()


def test_what_is_shown_beforehand_is_what_is_sent(a_listener: tuple[str, list[dict[str, Any]]]) -> None:
    url, kept = a_listener
    planner = EndpointPlanner(url, "a-model", api_key="secret-key", timeout=5)
    prompt = "Segment the spleen of Mr. Smith."
    shown = disclosure(planner, prompt, CARDS)
    assert kept == []
    with pytest.raises(EndpointFailed):
        planner.plan(prompt, CARDS)
    assert kept[0]["messages"]
    for message in kept[0]["messages"]:
        assert f"[{message['role']}] {message['content']}" in shown
    assert set(kept[0]) == {"model", "messages", "temperature", "stream", "response_format"}
    assert planner.url in shown and "(model a-model)" in shown
    assert "! This may identify somebody (name): Mr. Smith" in shown
    assert "secret-key" not in shown


def test_nothing_is_flagged_where_nothing_identifies() -> None:
    assert "identify" not in disclosure(EndpointPlanner("http://localhost/v1", "m"), "Segment the spleen.", CARDS)


def test_consent_is_for_one_address_and_one_model_and_lasts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "endpoints.json"
    planner = EndpointPlanner("http://localhost:11434/v1", "a-model")
    assert not Consents(path).given(planner)
    Consents(path).give(planner)
    Consents(path).give(planner)
    assert Consents(path).given(EndpointPlanner("http://localhost:11434/v1/", "a-model"))
    assert not Consents(path).given(EndpointPlanner("http://localhost:11434/v1", "b-model"))
    assert not Consents(path).given(EndpointPlanner("http://example.org/v1", "a-model"))
    assert not Consents(path).given(EndpointPlanner("https://localhost:11434/v1", "a-model"))
    assert len(json.loads(path.read_text())) == 1
    assert [p.name for p in path.parent.iterdir()] == ["endpoints.json"]


def test_consent_can_be_taken_back_without_touching_others(tmp_path: Path) -> None:
    consents = Consents(tmp_path / "endpoints.json")
    one, two = (EndpointPlanner("http://localhost/v1", name) for name in ("one", "two"))
    consents.take_back(one)
    assert not consents.path.exists()
    consents.give(one)
    consents.give(two)
    consents.take_back(one)
    assert (consents.given(one), consents.given(two)) == (False, True)


def test_the_key_is_not_kept(tmp_path: Path) -> None:
    consents = Consents(tmp_path / "endpoints.json")
    consents.give(EndpointPlanner("http://localhost/v1", "m", api_key="secret-key"))
    assert "secret-key" not in consents.path.read_text()


@pytest.mark.parametrize("content", ["[", "\x00\x01", '["a", '])
def test_a_list_that_cannot_be_read_counts_as_no_consent_and_is_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(content)
    planner = EndpointPlanner("http://localhost/v1", "m")
    for call in (Consents(path).given, Consents(path).give):
        with pytest.raises(InvalidInput, match="cannot be read; delete it"):
            call(planner)
    assert path.read_text() == content


@pytest.mark.parametrize("content", ["{}", '{"http://localhost/v1/chat/completions m": true}', "null", "3"])
def test_a_file_of_another_form_gives_no_consent(tmp_path: Path, content: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(content)
    assert not Consents(path).given(EndpointPlanner("http://localhost/v1", "m"))


def test_the_list_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "here"))
    assert Consents().path == tmp_path / "here" / "endpoints.json"
    monkeypatch.delenv("MEDPROMPT_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    assert configuration_folder() == tmp_path / "medprompt"
