"""Reading a declaration from a server, a file or standard input."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from guard.errors import ContractError
from guard.schema import read_source
from guard.schema.source import MOST_BYTES


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/").partition("?")[0]
        if name.startswith("to-"):
            self.send_response(302)
            self.send_header(
                "Location",
                {
                    "to-ok": "/ok",
                    "to-file": "file:///etc/hostname",
                    "to-ftp": "ftp://localhost/x",
                    "to-self": "/to-self",
                }[name],
            )
            self.end_headers()
        elif name.isdigit():
            self.send_error(int(name))
        else:
            self.send_response(200)
            self.end_headers()
            self._answer(name)

    def _answer(self, name: str) -> None:
        try:
            if name == "slow":
                for _ in range(40):
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            self.wfile.write(b" " * (MOST_BYTES + 1) if name == "long" else b"{}")
        except OSError:
            pass  # the client has had enough

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["ok", "to-ok"])
def test_url_is_read(server: str, name: str) -> None:
    assert read_source(f"http://{server}/{name}").content == b"{}"


def test_label_has_no_secrets(server: str) -> None:
    assert read_source(f"http://{server}/ok?token=secret").label == f"http://{server}/ok"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("404", "the answer is 404; for V2 metadata, expected"),
        ("401", "the answer is 401; a name and a password, or a token, are never sent"),
        ("500", "the answer is 500$"),
        ("long", "longer than 8,388,608 bytes"),
        ("to-file", "to something else than http and https"),
        ("to-ftp", "the scheme is 'ftp'"),
        ("to-self", "leads in a circle"),
        ("slow", "takes too long"),
    ],
)
def test_server_that_answers_otherwise_is_refused(server: str, name: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        read_source(f"http://{server}/{name}", timeout_s=0.5)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname",
        "ftp://host/x",
        "data://text/plain,x",
        "http://",
        "http://u:secret@127.0.0.1:1/x",
        "http://[",
        "http://a b/",
    ],
)
def test_url_that_can_t_be_read_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ContractError, match="can't be read") as caught:
        read_source(url, timeout_s=0.5)

    assert "secret" not in str(caught.value)


def test_credentials_in_a_url_are_refused_and_not_taken_for_the_host(server: str) -> None:
    with pytest.raises(ContractError, match="a name and a password, or a token, are never sent"):
        read_source(f"http://u:secret@{server}/ok")


def test_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(b"{}")

    assert read_source(str(tmp_path / "m.json")).content == b"{}"


@pytest.mark.parametrize("name", ["missing.json", ""])
def test_file_that_can_t_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContractError, match="can't be read"):
        read_source(str(tmp_path / name))


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{}")))

    assert read_source("-") == (b"{}", "standard input")
