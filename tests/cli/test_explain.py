"""`headway explain`: a dry run from a configuration, a running gateway's own word, and the exit codes."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
import uvloop
from click.testing import CliRunner, Result

from headway.app import Headway, Settings
from headway.cli.explain import explain
from headway.config.load import load_text
from headway.providers.catalogue import catalogue
from headway.types import RouteRecord, Snapshot, Storage

CONFIG = """\
providers:
  up:
    base_url: http://127.0.0.1:9/v1
    keys: [{name: a, value: sk-hunter2, limits: {rpm: 60, tpm: 30k, concurrency: 5}}, {name: b, value: s, weight: 0}]
  spare: {base_url: http://127.0.0.1:9/v1, keys: [k], models: [both]}
  other: {base_url: http://127.0.0.1:9/v1, keys: [], models: [both]}
models:
  default: {tiers: [[up/m], ["spare/[x]"]], queue: {wait: 3s, length: 9}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.yaml").write_text(CONFIG)
    return tmp_path


def run(*arguments: str, **environ: str) -> Result:
    names = [name for entry in catalogue().values() for name in (*entry.key_env, *entry.base_url_env, *entry.needs)]
    return CliRunner().invoke(explain, arguments, env={**dict.fromkeys(names), **environ})


def record(*arguments: str, **environ: str) -> RouteRecord:
    done = run(*arguments, "--json", **environ)
    assert done.exit_code == 0, done.output
    return msgspec.json.decode(done.stdout, type=RouteRecord)


def snapshot() -> Snapshot:
    return load_text(CONFIG, name="test", folder=Path(), environ={})


# --- a dry run ---


def test_a_dry_run_says_how_each_target_stands():
    found = record("-c", "some.yaml", "default")
    assert [(each.target, each.state) for each in found.targets] == [
        ("up/m#a", "ready"),
        ("up/m#b", "drained"),
        ("spare/[x]#default", "ready"),
    ]
    assert (found.queue.length, found.queue.most, found.queue.longest) == (0, 9, 3.0)


def test_the_table_has_a_line_for_every_target():
    done = run("-c", "some.yaml", "default", "--tokens", "40000")
    assert done.exit_code == 0
    title, heading, *lines = done.stdout.splitlines()
    assert title == "default, balance adaptive; a dry run: nothing is learnt yet"
    assert heading.split()[:3] == ["tier", "target", "state"]
    assert [line.split()[:3] for line in lines] == [
        ["1", "up/m#a", "too_large"],
        ["1", "up/m#b", "drained"],
        ["2", "spare/[x]#default", "ready"],
    ]
    assert "0 of 5" in lines[0]
    assert "30,000 of 30,000 tokens in 60 s" in lines[0]
    assert lines[0].rstrip().endswith("the key's quota is 30,000 tokens in a minute")


def test_the_size_of_a_request_counts():
    assert record("-c", "some.yaml", "default", "--tokens", "20000").targets[0].state == "ready"
    assert record("-c", "some.yaml", "default", "--tokens", "40000").targets[0].state == "too_large"


def test_without_a_file_the_one_of_the_directory_is_read(folder: Path):
    (folder / "headway.yaml").write_text(CONFIG)
    assert record("default").targets[0].target == "up/m#a"


def test_without_any_file_the_environment_counts():
    assert record("groq/llama-3.1-8b-instant", GROQ_API_KEY="x").targets[0].target.startswith("groq/")


def test_no_secret_is_printed():
    for arguments in ([], ["--json"]):
        assert "hunter" not in run("-c", "some.yaml", "default", *arguments).output


@pytest.mark.parametrize(("model", "said"), [("defualt", "did you mean 'default'"), ("both", "spare/both")])
def test_a_name_that_leads_nowhere_is_told_with_exit_code_1(model: str, said: str):
    done = run("-c", "some.yaml", model)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-c", "absent.yaml", "default"),
        ("-c", "some.yaml", "default", "--tokens", "many"),
        ("-c", "some.yaml", "default", "--tokens", "-1"),
        ("-c", "some.yaml", "default", "--header", "x-headway-session"),
        ("-c", "some.yaml", "default", "--header", "=x"),
        ("default", "--url", "gateway:8080"),
        ("default", "--url", "file:///etc/passwd"),
        ("default", "--url", "http://"),
        ("-c", "some.yaml", "default", "--url", "http://127.0.0.1:9"),
    ],
)
def test_a_call_that_is_wrong_has_exit_code_2(arguments: tuple[str, ...]):
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr


def test_a_broken_configuration_is_told_with_exit_code_2(folder: Path):
    (folder / "broken.yaml").write_text("providerz: {}\n")
    done = run("-c", "broken.yaml", "default")
    assert done.exit_code == 2
    assert "providerz" in done.stderr


def test_headers_that_change_nothing_are_named():
    done = run("-c", "some.yaml", "default", "--header", "X-Team=a", "--header", "x-headway-session=s")
    assert done.exit_code == 0
    assert done.stderr.startswith("x-team does not change how targets stand")
    assert len(done.stderr.splitlines()) == 1


def test_help_has_an_example():
    assert "Example: headway explain" in run("--help").output


# --- a running gateway ---


@pytest.fixture
def gateway() -> Iterator[Callable[[dict[str, str]], str]]:
    """Starts a gateway with this environment; its address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(environ: dict[str, str]) -> str:
        sock = socket.create_server(("127.0.0.1", 0))
        started = threading.Event()

        async def serve() -> None:
            unlogged = msgspec.structs.replace(snapshot(), storage=Storage(url=None))
            headway = Headway(unlogged, Settings(log=False), environ, io.BytesIO())
            server = headway.server()
            running.append((server, thread))
            headway.loop.call_later(0.0, started.set)
            await server.serve([sock])
            headway.close()
            await headway.administration.close()

        thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
        thread.start()
        assert started.wait(5.0)
        return f"http://127.0.0.1:{sock.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(5.0)


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Somebody else's server: its address, what it was asked, and how it answers."""
    asked: list[Any] = []
    answer: dict[str, Any] = {"status": 200, "headers": {}, "body": b"{}"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers)))
            self.send_response(answer["status"])
            for name, value in {**answer["headers"], "content-length": str(len(answer["body"]))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, *_: Any, **__: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked, answer
        server.shutdown()
        thread.join(5.0)


@pytest.mark.real
def test_a_running_gateway_is_asked(gateway: Callable[[dict[str, str]], str]):
    url = gateway({})
    for address in (url, f"{url}/", f"{url}/v1"):
        found = record("default", "--tokens", "40000", "--url", address)
        assert [each.state for each in found.targets] == ["too_large", "drained", "ready"]
    done = run("default", "--url", url)
    assert done.exit_code == 0
    assert done.stdout.startswith("default, balance adaptive; 0 of at most 9 requests wait, each at most 3 s\n")


@pytest.mark.real
def test_the_token_is_taken_from_the_environment(gateway: Callable[[dict[str, str]], str]):
    url = gateway({"HEADWAY_ADMIN_TOKEN": "s3cret"})
    assert record("default", "--url", url, HEADWAY_ADMIN_TOKEN="s3cret").model == "default"
    done = run("default", "--url", url)
    assert done.exit_code == 1
    assert "answers 401: this needs `Authorization: Bearer TOKEN`" in done.stderr


@pytest.mark.real
def test_the_gateway_s_own_word_on_an_unknown_model_is_told(gateway: Callable[[dict[str, str]], str]):
    done = run("defualt", "--url", gateway({}))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "answers 404: there is no model 'defualt'; did you mean 'default'?" in done.stderr


@pytest.mark.real
def test_the_conversation_goes_along_by_the_header_that_is_preferred(elsewhere: tuple[str, list[Any], Any]):
    url, asked, _ = elsewhere
    run("a b/ü", "--url", url, "--header", "session_id=two", "--header", "X-Headway-Session= one&two ")
    ((path, _),) = asked
    assert path == "/api/explain?model=a+b%2F%C3%BC&tokens=0&session=one%26two"


@pytest.mark.real
def test_a_redirect_is_not_followed_with_the_token(elsewhere: tuple[str, list[Any], Any]):
    url, asked, answer = elsewhere
    answer.update(status=302, headers={"location": f"{url}/elsewhere"})
    done = run("default", "--url", url, HEADWAY_ADMIN_TOKEN="s3cret")
    assert done.exit_code == 1
    assert "answers 302" in done.stderr
    assert len(asked) == 1


@pytest.mark.real
@pytest.mark.parametrize("body", [b"{}", b"<html>", b"", json.dumps({"model": 1}).encode()])
def test_somebody_else_who_answers_is_not_taken_for_a_gateway(elsewhere: tuple[str, list[Any], Any], body: bytes):
    url, _, answer = elsewhere
    answer["body"] = body
    done = run("default", "--url", url)
    assert done.exit_code == 1
    assert "no gateway of this version" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.real
def test_a_gateway_that_is_not_there_is_told():
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        done = run("default", "--url", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert done.exit_code == 1
    assert "cannot be asked" in done.stderr
