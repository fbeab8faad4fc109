"""Downloads against a server on this machine that breaks off, refuses, lies and recovers."""

from __future__ import annotations

import http.server
import json
import threading
from itertools import repeat

import pytest
from click.testing import CliRunner

from act_bench.cli import main
from builders.upstream.fetch import FetchError, fetch
from tests.builders.upstream_files import write_upstream

BODY = b'{"relu(x)": "' + b"0123456789" * 1000 + b'"}'


class Server(http.server.ThreadingHTTPServer):
    """Serves ``body``; ``faults`` says, request by request, what goes wrong.

    A fault is a status code, ``"drop"`` (half of what is asked for, then the end), ``"whole"``
    (ignores the range), ``"other part"``, or None.
    """

    daemon_threads = False  # joined at the end, so that no socket is left open

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.mark = '"v1"'
        self.faults = iter(())
        self.ranges = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/act-bench-cnn.json"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        fault = next(server.faults, None)
        if isinstance(fault, int):
            self.send_error(fault)
            return
        body, first = server.body, 0
        same = self.headers.get("If-Range") == server.mark
        if asked and same and fault != "whole":
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            if first >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            shown = first + 1 if fault == "other part" else first
            self.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if server.mark:
            self.send_header("ETag", server.mark)
        rest = body[first:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if fault == "drop" else rest)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "downloads" / "act-bench-cnn.json"


def get(server, target, **options):
    return fetch(server.url, target, pause_s=0.001, **options)


def test_a_plain_download_reports_progress_and_leaves_nothing_else(server, target):
    seen = []
    assert get(server, target, progress=lambda *state: seen.append(state)) == target
    assert target.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert list(target.parent.iterdir()) == [target]


def test_what_breaks_off_continues_where_it_stopped(server, target):
    server.faults = iter(["drop", "drop", 503, None])
    get(server, target)
    assert target.read_bytes() == BODY
    half = len(BODY) // 2
    three_quarters = half + (len(BODY) - half) // 2
    assert server.ranges == [
        None,
        f"bytes={half}-",
        f"bytes={three_quarters}-",
        f"bytes={three_quarters}-",
    ]


def test_a_later_process_continues_too(server, target):
    server.faults = iter(["drop", *repeat(500, 3)])
    with pytest.raises(FetchError, match=r"500 .*gave up after 3 tries.*5,007 bytes that arrived"):
        get(server, target, tries=3)
    assert not target.exists()
    server.faults = iter(())
    get(server, target)
    assert target.read_bytes() == BODY
    assert server.ranges[-1] == f"bytes={len(BODY) // 2}-"


def test_a_new_version_on_the_server_begins_anew(server, target):
    server.faults = iter(["drop", 500])
    with pytest.raises(FetchError):
        get(server, target, tries=1)
    server.body, server.mark = BODY.replace(b"0", b"x"), '"v2"'
    get(server, target)
    assert target.read_bytes() == server.body


@pytest.mark.parametrize("mark", ["", 'W/"weak"'])
def test_without_a_strong_mark_nothing_is_pieced_together(server, target, mark):
    server.mark = mark
    server.faults = iter(["drop", None])
    get(server, target)
    assert target.read_bytes() == BODY
    assert server.ranges == [None, None]


@pytest.mark.parametrize("fault", ["whole", "other part"])
def test_servers_that_answer_with_another_part(server, target, fault):
    server.faults = iter(["drop", fault, None])
    get(server, target)
    assert target.read_bytes() == BODY


def test_a_rest_that_the_server_does_not_have(server, target):
    target.parent.mkdir()
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(BODY + b"more")
    part.with_name(f"{part.name}.mark").write_text(server.mark)
    get(server, target)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 404, 410])
def test_refusals_are_not_tried_again(server, target, status):
    server.faults = repeat(status)
    with pytest.raises(FetchError, match=rf"answers {status} .*give its path with --from"):
        get(server, target)
    assert len(server.ranges) == 1


def test_failures_in_a_row_are_counted_and_pauses_grow(server, target, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    server.faults = repeat(503)
    with pytest.raises(FetchError, match="gave up after 5 tries"):
        fetch(server.url, target, pause_s=1.0)
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_a_file_that_always_breaks_off_without_progress_ends(server, target):
    server.mark = ""
    server.faults = repeat("drop")
    with pytest.raises(FetchError, match="the connection ended after 5,007 of 10,015 bytes"):
        get(server, target, tries=3)


def test_no_server(target):
    with pytest.raises(FetchError, match="no connection"):
        fetch("http://127.0.0.1:1/act-bench-cnn.json", target, tries=2, pause_s=0.001)


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"", b'{"relu(x)": 1', b"[1, 2]"])
def test_what_is_no_json_object_is_deleted(server, target, body):
    server.body = body
    with pytest.raises(FetchError, match="expected a JSON object, got"):
        get(server, target)
    assert list(target.parent.iterdir()) == []


def test_a_disk_that_is_too_small(server, target, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(FetchError, match="10,015 bytes are to come, the disk has 10 free"):
        get(server, target)


def test_only_web_addresses(target):
    with pytest.raises(FetchError, match="expected an http or https address"):
        fetch("file:///etc/passwd", target)


def test_command_downloads_imports_and_cleans_up(server, tmp_path, monkeypatch):
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path / "cache"))
    write_upstream(tmp_path / "file.json", count=30)
    server.body = (tmp_path / "file.json").read_bytes()
    server.faults = iter(["drop", None])
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    base = server.url.rpartition("/")[0]
    arguments = ["import-upstream", "cnn", "--accept-licence", "--base-url", base, "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    [report] = json.loads(result.stdout)
    assert report["about"]["source"] == server.url
    assert report["keys"] == 30
    assert [path.name for path in (tmp_path / "cache" / "upstream").iterdir()] == ["cnn"]
    server.faults = repeat(404)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 3
    assert "404" in result.stderr
