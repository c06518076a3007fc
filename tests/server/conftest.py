"""A real Jupyter server with our extension, tokens and XSRF checks on, in a home of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from tests.ports import free_port
from tests.throwaway import throwaway_environment

PASSPHRASE = "correct horse battery staple"
REPOSITORY = Path(__file__).parents[2]
#: Tells people apart by the token that they send: what an organisation's provider does by OAuth.
PEOPLE = """
import hmac
from jupyter_server.auth.identity import IdentityProvider, User

class People(IdentityProvider):
    async def get_user(self, handler):
        sent = handler.get_argument("token", "") or handler.request.headers.get(
            "Authorization", "").removeprefix("token ")
        for name, token in NAMED.items():
            if hmac.compare_digest(sent, token):
                handler._token_authenticated = True
                user = User(username=name, name=name.title())
                if handler.get_argument("token", ""):
                    self.set_login_cookie(handler, user)
                return user
        return self.get_user_cookie(handler)

    def is_token_authenticated(self, handler):
        return getattr(handler, "_token_authenticated", False)

c.ServerApp.identity_provider_class = People
"""


@dataclass
class Running:
    """A Jupyter server that runs."""

    root: Path
    url: str
    environ: dict[str, str]
    process: subprocess.Popen[bytes]
    tokens: dict[str, str]
    log: Path
    token: str = ""
    #: Called before it is stopped: a server with a document that is open together waits for it.
    closing: list[Callable[[], None]] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def user(self, name: str = "") -> User:
        """A client with this user's token; without a name, with the server's own."""
        return User(self, self.tokens[name] if name else self.token, name or "anybody")

    def jupyter_mlo(self, *argv: str, status: int = 0, typed: str = "") -> str:
        """Run a command as the server's account; what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_mlo.cli.main", *argv],
            env=self.environ,
            cwd=self.root,
            capture_output=True,
            text=True,
            input=typed,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def verified(self, name: str, *options: str) -> dict[str, Any]:
        """What ``jupyter mlo verify --json`` finds of one notebook."""
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_mlo.cli.main", "verify", "--json", *options, name],
            env=self.environ,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=60,
        )
        found: dict[str, Any] = json.loads(done.stdout)["notebooks"][0]
        return found

    def begin(self) -> None:
        """Start it, or start it again."""
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command, env=self.environ, cwd=self.root, stdout=file, stderr=file
            )

        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return requests.get(f"{self.url}/api", timeout=60).ok
            except requests.ConnectionError:
                return False

        until(answers, 30)

    def records(self) -> int:
        """How many records there are on disk."""
        files = (self.root.parent / "mlo" / "records").rglob("*.jsonl")
        return sum(len(path.read_text().splitlines()) for path in files)

    def stop(self) -> None:
        """End it as an operator would."""
        for close in self.closing:
            close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


@dataclass
class User:
    """Somebody with a token: REST, and kernels."""

    server: Running
    token: str
    name: str
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"token {self.token}"}

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request, whatever comes of it."""
        return requests.request(
            method, self.server.url + path, headers=self.headers, timeout=60, **options
        )

    def get(self, route: str, **params: str) -> Any:
        """The JSON at a route that must be there."""
        return self._json(self.ask("GET", route, params=params))

    def post(self, path: str, value: Any = None) -> Any:
        """The answer to a request that must succeed."""
        return self._json(self.ask("POST", path, json=value if value is not None else {}))

    def enrol(self, name: str) -> str:
        """Enrol and sign in; the MLO ID."""
        form = {"name": name, "passphrase": PASSPHRASE}
        mlo: str = self.post("/jupyter-mlo/enroll", form)["mlo"]["id"]
        return mlo

    def kernel(self, name: str = "python3", notebook: str | None = None) -> str:
        """A new kernel's ID; of a notebook, as front ends begin one."""
        if notebook is None:
            found: str = self.post("/api/kernels", {"name": name})["id"]
        else:
            session = {"path": notebook, "type": "notebook", "name": "", "kernel": {"name": name}}
            found = self.post("/api/sessions", session)["kernel"]["id"]
        return found

    def means(self, path: str, meaning: str) -> None:
        """Say how the next save of a notebook is meant, having been shown it as it is."""
        shown = self.get("/jupyter-mlo/notebook/changes", path=path)["shown"]
        form = {"path": path, "meaning": meaning, "shown": shown}
        self.post("/jupyter-mlo/notebook/seal", form)

    def connect(
        self, kernel: str, headers: dict[str, str] | None = None, protocol: str | None = None
    ) -> Wire:
        """A websocket to a kernel."""
        session = uuid.uuid4().hex
        url = self.server.url.replace("http", "ws", 1)
        socket_ = websocket.create_connection(
            f"{url}/api/kernels/{kernel}/channels?session_id={session}",
            header=headers or self.headers,
            subprotocols=[protocol] if protocol else None,
            timeout=30,
        )
        return Wire(socket_, session)

    def save(self, path: str, notebook: dict[str, Any]) -> dict[str, Any]:
        """Save as a front end does."""
        model = {"type": "notebook", "format": "json", "content": notebook}
        saved: dict[str, Any] = self._json(self.ask("PUT", f"/api/contents/{path}", json=model))
        return saved

    @staticmethod
    def _json(answer: requests.Response) -> Any:
        assert answer.ok, f"{answer.status_code}: {answer.text}"
        return answer.json()


@dataclass
class Wire:
    """A front end's websocket to a kernel, in the protocol of JSON."""

    socket: websocket.WebSocket
    session: str

    def send(self, kind: str, content: dict[str, Any], **more: Any) -> str:
        """Send a message; its ID."""
        message_id = more.pop("msg_id", uuid.uuid4().hex)
        message = {
            "header": {
                "msg_id": message_id,
                "msg_type": kind,
                "username": "",
                "session": self.session,
                "date": "2026-11-22T12:00:00Z",
                "version": "5.3",
            },
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
            **more,
        }
        self.socket.send(json.dumps(message))
        return str(message_id)

    def run(self, code: str, cell: str | None = None, **more: Any) -> dict[str, Any]:
        """Run a cell as JupyterLab does; the cell as the document holds it then."""
        metadata = {**more.pop("metadata", {}), **({} if cell is None else {"cellId": cell})}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True}
        asked = self.send("execute_request", content, metadata=metadata, **more)
        return self.wait(asked, code, cell)

    def wait(self, asked: str, code: str, cell: str | None) -> dict[str, Any]:
        """The cell when it has ended."""
        outputs: list[dict[str, Any]] = []
        count: int | None = None
        idle = replied = False
        while not (idle and replied):
            message = self.receive()
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "execute_input":
                count = content["execution_count"]
            elif kind == "status":
                idle = content["execution_state"] == "idle"
            elif kind == "execute_reply":
                replied = True
            elif kind == "stream":
                last = outputs[-1] if outputs else {}
                if last.get("name") == content["name"]:
                    last["text"] += content["text"]
                else:
                    outputs.append({"output_type": kind, **content})
            elif kind in ("display_data", "execute_result", "error"):
                content.pop("transient", None)
                outputs.append({"output_type": kind, **content})
        return {
            "cell_type": "code",
            "id": cell or uuid.uuid4().hex[:8],
            "source": code,
            "metadata": {},
            "outputs": outputs,
            "execution_count": count,
        }

    def receive(self) -> dict[str, Any]:
        """The next message."""
        found: dict[str, Any] = json.loads(self.socket.recv())
        return found

    def close(self) -> None:
        """Close the browser."""
        self.socket.close()


def notebook(*cells: dict[str, Any], kernel: str = "python3") -> dict[str, Any]:
    """A document with these cells."""
    return {
        "cells": list(cells),
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def on_disk(server: Running, path: str) -> dict[str, Any]:
    """The notebook that stands in a file now; a save may be writing it just then."""

    def whole() -> Any:
        try:
            return json.loads((server.root / path).read_text())
        except ValueError:
            return None

    found: dict[str, Any] = until(whole)
    return found


def until(there: Callable[[], Any], seconds: float = 10) -> Any:
    """What ``there`` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers, and ends them."""
    running: list[Running] = []

    def begin(*people: str, **options: Any) -> Running:
        folder = tmp_path / f"server{len(running)}"
        folder.mkdir()
        running.append(started(folder, *people, **options))
        return running[-1]

    yield begin
    for server in running:
        server.stop()


#: Not tested here, and slow to start; jupyter-collaboration is switched on where it is.
_WITHOUT = (
    "jupyter_lsp",
    "jupyter_scheduler",
    "jupyter_server_fileid",
    "jupyter_server_nbmodel",
    "jupyter_server_terminals",
    "jupyter_server_ydoc",
    "jupyterlab",
    "nbdime",
    "notebook",
    "notebook_shim",
)


def started(
    folder: Path,
    *people: str,
    config: str = "",
    mlo_toml: str = "",
    extension: bool = True,
    beside: tuple[str, ...] = (),
    service: str = "",
    files: tuple[Path, ...] = (),
) -> Running:
    """A server below a folder; ``people`` each get a token, else one token is for everybody.

    Args:
        beside: server extensions beside ours.
        service: name of the server's own MLO, where it has one.
        files: what is in Jupyter's configuration folder of the environment.
    """
    environ = throwaway_environment(folder)
    environ["PYTHONPATH"] = f"{REPOSITORY}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    (folder / "mlo" / "mlo.toml").write_text(mlo_toml)
    root = folder / "work"
    root.mkdir()
    token, port = secrets.token_hex(16), free_port()
    tokens = {name: secrets.token_hex(16) for name in people}
    if service:
        enrol_service(service, root, environ)
        config = f"c.MloServerExtension.service_mlo = {service!r}\n{config}"
    extensions = {**dict.fromkeys(_WITHOUT, False), **dict.fromkeys(beside, True)}
    config = (
        f"c.ServerApp.jpserver_extensions = { {**extensions, 'jupyter_mlo': extension}!r}\n{config}"
    )
    text = f"c = get_config()\nNAMED = {tokens!r}\n{PEOPLE if people else ''}\n{config}\n"
    settings = folder / "jupyter_server_config.py"
    settings.write_text(text)
    settings.chmod(0o600)
    (folder / "etc").mkdir()
    for file in files:
        shutil.copy(file, folder / "etc")
    environ["JUPYTER_CONFIG_PATH"] = str(folder / "etc")
    log = folder / "server.log"
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", f"--port={port}"),
        f"--config={settings}",
        f"--ServerApp.root_dir={root}",
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]
    environ["JUPYTER_TOKEN"] = token
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(["true"])
    server = Running(root, url, environ, process, tokens, log, token, command=command)
    if people:
        server.token = tokens[people[0]]
    server.begin()
    return server


def enrol_service(name: str, root: Path, environ: dict[str, str]) -> None:
    """Enrol a service; its passphrase is in a file that the environment names."""
    secret = root.parent / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    environ["MLO_PASSPHRASE_FILE"] = str(secret)
    command = [sys.executable, "-m", "jupyter_mlo.cli.main", "enroll", "--name", name]
    done = subprocess.run(
        [*command, "--kind", "service"], env=environ, cwd=root, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
