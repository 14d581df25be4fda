"""The endpoint planner against small servers on the loopback interface: good, wrong, slow, absent and hostile ones."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from MedPromptLib.catalog import Ability
from MedPromptLib.errors import EndpointFailed, InvalidInput
from MedPromptLib.plan import Status
from MedPromptLib.planner import EndpointPlanner, Planner

CATALOG = (
    Ability.model_validate(
        {"id": "spleen_seg_ct", "intent": "segmentation", "target": "spleen", "modality": "abdominal ct"}
    ),
    Ability.model_validate(
        {
            "id": "covid_cls_ct",
            "intent": "classification",
            "target": "covid-19",
            "modality": "chest ct",
            "classes": ["non-covid", "covid"],
            "positive": ["covid"],
        }
    ),
    Ability.model_validate(
        {
            "id": "lungs_seg_ct",
            "intent": "segmentation",
            "target": "lungs",
            "modality": "chest ct",
            "structures": ["right lung", "left lung"],
        }
    ),
)


def answer(*tasks: dict[str, Any], status: str = "ok", **more: Any) -> str:
    return json.dumps({"status": status, "tasks": list(tasks), "left_out": [], "message": "", **more})


def task(number: int, weight: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "weight": weight, "structures": [], "region_from": None, "run_if": None, "span": "", **more}


GOOD = answer(
    task(1, "covid_cls_ct"), task(2, "lungs_seg_ct", structures=["left lung"], run_if={"task": 1, "result": "positive"})
)

Reply = Callable[["Server", dict[str, Any]], tuple[int, bytes, dict[str, str]]]


class Server:
    """A chat endpoint that answers with a list of replies, the last one for ever."""

    def __init__(self, *replies: Reply | str) -> None:
        self.replies = list(replies)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append(body)
                server.headers.append(dict(self.headers))
                reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
                code, content, headers = (200, chat(reply), {}) if isinstance(reply, str) else reply(server, body)
                try:
                    self.send_response(code)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def chat(content: str | None) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def fails(code: int) -> Reply:
    return lambda server, body: (code, b"{}", {})


def sends(raw: bytes) -> Reply:
    return lambda server, body: (200, raw, {})


@pytest.fixture
def a_server() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def start(*replies: Reply | str) -> Server:
        running.append(Server(*replies))
        return running[-1]

    yield start
    for server in running:
        server.close()


def planner(server: Server, **more: Any) -> EndpointPlanner:
    return EndpointPlanner(server.url, "a-model", timeout=more.pop("timeout", 5.0), **more)


def test_it_is_a_planner(a_server: Callable[..., Server]) -> None:
    assert isinstance(planner(a_server(GOOD)), Planner)


def test_a_good_answer_becomes_a_plan(a_server: Callable[..., Server]) -> None:
    plan = planner(a_server(GOOD)).plan("If covid, segment the left lung on the CT.", CATALOG)
    assert plan.status is Status.OK
    assert [t.weight_name for t in plan.pipeline] == ["covid_cls_ct", "lungs_seg_ct"]
    assert plan.pipeline[1].structures == ("left lung",)
    assert plan.pipeline[1].condition_on is not None
    assert plan.pipeline[1].condition_on.task_id == 1
    assert plan.planner == "endpoint:a-model"


def test_an_answer_in_a_markdown_fence_is_read(a_server: Callable[..., Server]) -> None:
    plan = planner(a_server(f"Here is the plan:\n```json\n{GOOD}\n```\n")).plan("x y z", CATALOG)
    assert len(plan.pipeline) == 2


def test_thoughts_before_the_answer_are_skipped(a_server: Callable[..., Server]) -> None:
    assert planner(a_server("<think>{maybe} spleen</think>" + GOOD)).plan("x", CATALOG).status is Status.OK


def test_an_invalid_answer_is_sent_back_once_and_repaired(a_server: Callable[..., Server]) -> None:
    server = a_server(answer(task(1, "kidney_seg_ct")), GOOD)
    assert len(planner(server).plan("x", CATALOG).pipeline) == 2
    assert len(server.requests) == 2
    complaint = server.requests[1]["messages"][-1]["content"]
    assert "kidney_seg_ct" in complaint
    assert "spleen_seg_ct" in complaint


@pytest.mark.parametrize(
    "wrong",
    [
        "I cannot do that.",
        "",
        answer(task(1, "../../etc/passwd")),
        answer(task(1, "covid_cls_ct"), task(2, "spleen_seg_ct", run_if={"task": 1, "result": "purple"})),
        answer(task(1, "spleen_seg_ct", run_if={"task": 9, "result": "positive"})),
        answer(task(1, "spleen_seg_ct", run_if={"task": 1, "result": "positive"})),
        answer(task(1, "lungs_seg_ct", structures=["heart"])),
        answer(task(1, "spleen_seg_ct"), task(1, "lungs_seg_ct")),
        answer(task(1, "covid_cls_ct", region_from=1)),
        answer(task(1, "spleen_seg_ct", code="__import__('os').system('x')")),
        answer(),
        answer(task(1, "spleen_seg_ct"), status="refuse"),
        answer(task(1, "spleen_seg_ct"), left_out=[{"text": "a", "reason": "b"}]),
        "[" * 5000 + "{" + "}" + "]" * 5000,
        '{"status": "ok", "tasks": ' + "[" * 3000 + "]" * 3000 + "}",
    ],
    ids=range(15),
)
def test_two_answers_that_are_no_plan_are_a_failure(a_server: Callable[..., Server], wrong: str) -> None:
    server = a_server(wrong)
    with pytest.raises(EndpointFailed, match="twice"):
        planner(server).plan("x", CATALOG)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "raw",
    [b"<html>hello</html>", b"", b"\xff\xfe\x00", b"[]", b"null", b'{"choices": []}', b'{"choices": 3}', chat(None)],
)
def test_a_body_that_is_no_chat_answer_is_a_failure(a_server: Callable[..., Server], raw: bytes) -> None:
    with pytest.raises(EndpointFailed):
        planner(a_server(sends(raw))).plan("x", CATALOG)


def test_an_oversized_answer_is_a_failure(a_server: Callable[..., Server]) -> None:
    with pytest.raises(EndpointFailed, match="bytes"):
        planner(a_server(sends(b" " * 1_100_000))).plan("x", CATALOG)


@pytest.mark.parametrize("code", [401, 404, 429, 500, 503])
def test_an_http_error_is_a_failure_that_names_the_code(a_server: Callable[..., Server], code: int) -> None:
    server = a_server(fails(code))
    with pytest.raises(EndpointFailed, match=str(code)):
        planner(server).plan("x", CATALOG)
    assert len(server.requests) == 1


def test_a_server_that_does_not_know_response_format_is_asked_again_without(a_server: Callable[..., Server]) -> None:
    def picky(server: Server, body: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        return (400, b"{}", {}) if "response_format" in body else (200, chat(GOOD), {})

    server = a_server(picky)
    assert planner(server).plan("x", CATALOG).status is Status.OK
    assert ["response_format" in r for r in server.requests] == [True, False]


def test_a_server_that_rejects_everything_is_a_failure(a_server: Callable[..., Server]) -> None:
    server = a_server(fails(400))
    with pytest.raises(EndpointFailed, match="400"):
        planner(server).plan("x", CATALOG)
    assert len(server.requests) == 2


def test_a_slow_server_is_a_failure_after_the_timeout(a_server: Callable[..., Server]) -> None:
    def slow(server: Server, body: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        time.sleep(1.0)
        return 200, chat(GOOD), {}

    started = time.monotonic()
    with pytest.raises(EndpointFailed, match="within"):
        planner(a_server(slow), timeout=0.2).plan("x", CATALOG)
    assert time.monotonic() - started < 0.9


def test_a_server_that_trickles_its_answer_is_a_failure_after_the_timeout(a_server: Callable[..., Server]) -> None:
    class Trickle(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(40):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                pass

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    started = time.monotonic()
    try:
        with pytest.raises(EndpointFailed, match="within"):
            EndpointPlanner(f"http://127.0.0.1:{http.server_address[1]}/v1", "m", timeout=0.3).plan("x", CATALOG)
        assert time.monotonic() - started < 1.5
    finally:
        http.shutdown()
        http.server_close()


def test_no_server_is_a_failure() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_address[1]
    with pytest.raises(EndpointFailed, match="could not be reached"):
        EndpointPlanner(f"http://127.0.0.1:{port}/v1", "m", timeout=2).plan("x", CATALOG)


def test_a_redirect_to_another_host_is_not_followed(a_server: Callable[..., Server]) -> None:
    other = a_server(GOOD)
    redirecting = a_server(lambda server, body: (307, b"", {"Location": other.url + "/chat/completions"}))
    with pytest.raises(EndpointFailed, match="another host"):
        planner(redirecting).plan("x", CATALOG)
    assert other.requests == []


def test_proxies_of_the_environment_are_not_used_for_this_machine(
    a_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = a_server(GOOD)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    real = a_server(GOOD)
    planner(real).plan("x", CATALOG)
    assert len(real.requests) == 1
    assert proxy.requests == []


def test_only_the_prompt_and_the_catalogue_are_sent(a_server: Callable[..., Server]) -> None:
    server = a_server(GOOD)
    planner(server, api_key="secret-key").plan("Segment the spleen.", CATALOG)
    sent = server.requests[0]
    assert set(sent) == {"model", "messages", "temperature", "stream", "response_format"}
    assert sent["temperature"] == 0
    assert "Segment the spleen." in sent["messages"][-1]["content"]
    assert server.headers[0]["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in json.dumps(sent)


def test_the_schema_is_closed_over_the_catalogue(a_server: Callable[..., Server]) -> None:
    server = a_server(GOOD)
    planner(server).plan("x", CATALOG)
    properties = server.requests[0]["response_format"]["json_schema"]["schema"]["properties"]["tasks"]["items"][
        "properties"
    ]
    assert properties["weight"]["enum"] == [a.id for a in CATALOG]
    assert properties["structures"]["items"]["enum"] == ["right lung", "left lung"]


def test_the_key_is_not_in_messages_or_the_printed_form(a_server: Callable[..., Server]) -> None:
    made = planner(a_server(fails(401)), api_key="secret-key")
    with pytest.raises(EndpointFailed) as failure:
        made.plan("x", CATALOG)
    assert "secret-key" not in str(failure.value)
    assert "secret-key" not in repr(made)


def test_a_refusal_is_passed_on(a_server: Callable[..., Server]) -> None:
    plan = planner(a_server(answer(status="refuse", message="No installed weight segments the liver."))).plan(
        "x", CATALOG
    )
    assert plan.status is Status.REFUSED
    assert plan.message


@pytest.mark.parametrize("address", ["", "localhost:11434", "file:///etc/passwd", "ftp://host/x", "http://"])
def test_an_unusable_address_is_an_input_error(address: str) -> None:
    with pytest.raises(InvalidInput):
        EndpointPlanner(address, "m")


def test_an_empty_prompt_is_not_sent(a_server: Callable[..., Server]) -> None:
    server = a_server(GOOD)
    with pytest.raises(InvalidInput):
        planner(server).plan("  ", CATALOG)
    assert server.requests == []
