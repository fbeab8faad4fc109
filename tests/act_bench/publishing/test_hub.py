"""Publishing and fetching with the real client against a stub of the Hub on this machine."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading

import pytest
from click.testing import CliRunner

from act_bench.cli import main
from act_bench.files.manifest import DataError
from act_bench.publishing import hub
from act_bench.publishing.export import export

huggingface_hub = pytest.importorskip("huggingface_hub")

REPO = "me/act-bench"


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324


class Hub(http.server.ThreadingHTTPServer):
    """Repositories in memory: commits are dicts of path to bytes, by hash."""

    daemon_threads = False  # joined at the end, so that no socket is left open

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = {}
        self.requests = []
        self.faults = {}
        self.moves_on = False  # whether somebody else commits just before us

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository, files, header):
        parent = repository["main"]
        repository["commits"][parent] = repository["commits"].get(parent, {})
        number = str(len(repository["commits"])).encode()
        name = hashlib.sha1(number).hexdigest()  # noqa: S324  (as git does)
        repository["commits"][name] = files
        repository["headers"][name] = header
        repository["main"] = name
        return name


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments):
        pass

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {path}")
        for pattern, status in self.server.faults.items():
            if re.search(pattern, path):
                return self.answer(status, {"error": "no"})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        api = re.fullmatch(r"/api/datasets/([\w-]+/[\w-]+)(?:/(\w+)(?:/(.+))?)?", path)
        file = re.fullmatch(r"/datasets/([\w-]+/[\w-]+)/resolve/(\w+)/(.+)", path)
        name = (api or file)[1]
        repository = self.server.repositories.get(name)
        if repository is None:
            return self.answer(404, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"})
        if file:
            return self.file(repository, file[2], file[3])
        return getattr(self, api[2] or "info")(repository, api[3], body)

    do_GET = do_POST = do_HEAD = handle_one  # noqa: N815

    def answer(self, status, document, headers=()):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def create(self, wanted):
        name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
        if name in self.server.repositories:
            return self.answer(
                409, {"error": "exists", "url": f"{self.server.url}/datasets/{name}"}
            )
        first = "0" * 40
        self.server.repositories[name] = {
            "wanted": wanted,
            "main": first,
            "commits": {first: {".gitattributes": b""}},
            "headers": {},
            "tags": {},
        }
        return self.answer(200, {"url": f"{self.server.url}/datasets/{name}", "name": name})

    def info(self, repository, revision, body):
        revision = revision or repository["main"]
        if revision not in repository["commits"]:
            return self.answer(404, {"error": "x"}, {"X-Error-Code": "RevisionNotFound"})
        siblings = [{"rfilename": path} for path in repository["commits"][revision]]
        return self.answer(200, {"id": REPO, "sha": revision, "siblings": siblings, "tags": []})

    revision = info

    def tree(self, repository, revision, body):
        files = repository["commits"].get(revision)
        if files is None:
            return self.answer(404, {"error": "x"}, {"X-Error-Code": "RevisionNotFound"})
        listed = [
            {"type": "file", "path": path, "size": len(content), "oid": git_hash(content)}
            for path, content in files.items()
        ]
        return self.answer(200, listed)

    def refs(self, repository, _, body):
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit}
            for name, commit in repository["tags"].items()
        ]
        return self.answer(200, {"branches": [], "tags": tags, "converts": []})

    def preupload(self, repository, _, body):
        files = [
            {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
            for file in json.loads(body)["files"]
        ]
        return self.answer(200, {"files": files})

    def commit(self, repository, branch, body):
        lines = [json.loads(line) for line in body.splitlines()]
        header = lines[0]["value"]
        if self.server.moves_on:
            self.server.commit(repository, {}, {"summary": "somebody else"})
        if header.get("parentCommit") != repository["main"]:
            return self.answer(412, {"error": "A commit has happened since"})
        files = dict(repository["commits"][repository["main"]])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                assert line["key"] == "deletedFile"
                del files[value["path"]]
        name = self.server.commit(repository, files, header)
        url = f"{self.server.url}/datasets/{REPO}/commit/{name}"
        return self.answer(200, {"success": True, "commitOid": name, "commitUrl": url})

    def tag(self, repository, revision, body):
        repository["tags"][json.loads(body)["tag"]] = revision
        return self.answer(200, {})

    def file(self, repository, revision, path):
        content = repository["commits"][revision][path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", revision)
        self.send_header("ETag", f'"{git_hash(content)}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@pytest.fixture
def stub(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        api = huggingface_hub.HfApi(endpoint=server.url, token="hf_stub")  # noqa: S106
        monkeypatch.setattr(hub, "hub_api", lambda: api)
        if int(huggingface_hub.__version__.split(".")[0]) < 2:
            # They know addresses of one Hub only, which must be this one then.
            constants = huggingface_hub.constants
            template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
            for module in (constants, huggingface_hub.file_download):
                monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
            monkeypatch.setattr(constants, "ENDPOINT", server.url)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(data_folder, tmp_path):
    export(tmp_path / "out" / "act-bench")
    return tmp_path / "out" / "act-bench"


def is_private(repository):
    """Old and new clients say it in two ways; both refuse to leave it open."""
    wanted = repository["wanted"]
    said = {"private": True, "public": False}.get(wanted.get("visibility"), wanted.get("private"))
    assert isinstance(said, bool)
    return said


def contents(folder):
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_everything_is_one_commit_with_a_tag_and_private(stub, folder):
    pushed = hub.push(folder, REPO, "v1.2.3")
    repository = stub.repositories[REPO]
    assert is_private(repository)
    assert repository["wanted"]["type"] == "dataset"
    assert repository["tags"] == {"v1.2.3": pushed.commit}
    assert list(repository["headers"]) == [pushed.commit]
    assert repository["headers"][pushed.commit]["summary"] == "Act-Bench v1.2.3"
    sent = dict(repository["commits"][pushed.commit])
    del sent[".gitattributes"]
    assert sent == contents(folder)
    assert pushed.url == f"{stub.url}/datasets/{REPO}"
    assert (
        sum(request.startswith("POST") and "/commit/" in request for request in stub.requests) == 1
    )


def test_public_only_when_asked(stub, folder):
    hub.push(folder, REPO, "v1", private=False)
    assert not is_private(stub.repositories[REPO])


def test_there_and_back(stub, folder, tmp_path):
    pushed = hub.push(folder, REPO, "v1")
    target = tmp_path / "fetched"
    checked = hub.pull(REPO, pushed.commit, target)
    assert checked == sorted(path.name for path in (folder / "data").glob("*.parquet"))
    fetched = contents(target)
    assert {path: fetched[path] for path in contents(folder)} == contents(folder)
    # What was fetched can be published again: the client's own notes are left out.
    assert hub.uploads(target) == hub.uploads(folder)


def test_a_version_does_not_change(stub, folder):
    first = hub.push(folder, REPO, "v1")
    with pytest.raises(hub.HubError, match=rf"has the tag v1 already, at commit {first.commit}"):
        hub.push(folder, REPO, "v1")
    assert len(stub.repositories[REPO]["headers"]) == 1


def test_files_that_a_new_version_does_not_have_are_removed(stub, folder):
    hub.push(folder, REPO, "v1")
    repository = stub.repositories[REPO]
    head = repository["commits"][repository["main"]]
    head["data/old.parquet"] = head["data/.hidden.parquet"] = head["NOTES.md"] = b"x"
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\nchanged\n")
    pushed = hub.push(folder, REPO, "v2")
    paths = set(repository["commits"][pushed.commit])
    assert "data/old.parquet" not in paths
    assert {"NOTES.md", "data/space.parquet"} <= paths


def test_a_commit_of_somebody_else_meanwhile_is_not_overwritten(stub, folder):
    stub.moves_on = True
    with pytest.raises(hub.HubError, match="the Hub refuses me/act-bench"):
        hub.push(folder, REPO, "v1")
    assert not stub.repositories[REPO]["tags"]


def test_damage_is_found_before_anything_is_sent(stub, folder):
    path = folder / "data" / "space.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"space\.parquet is damaged.*export or download it again"):
        hub.push(folder, REPO, "v1")
    assert stub.requests == []


def test_a_file_that_the_manifest_does_not_know_is_refused(folder):
    (folder / "data" / "cnn-upstream.parquet").write_bytes(b"x")
    with pytest.raises(DataError, match=r"cnn-upstream\.parquet not in manifest\.json"):
        hub.uploads(folder)


def test_no_export_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"manifest\.json is missing"):
        hub.uploads(tmp_path)


def test_what_was_changed_on_the_way_is_found(stub, folder, tmp_path):
    pushed = hub.push(folder, REPO, "v1")
    files = stub.repositories[REPO]["commits"][pushed.commit]
    files["data/space.parquet"] = files["data/space.parquet"][::-1]
    with pytest.raises(DataError, match=r"space\.parquet is damaged: expected SHA-256"):
        hub.pull(REPO, pushed.commit, tmp_path / "fetched")


@pytest.mark.parametrize("revision", ["main", "v1", "abc", "0" * 39, "G" * 40])
def test_only_whole_hashes_are_pinned(stub, tmp_path, revision):
    with pytest.raises(ValueError, match=r"expected the whole hash of a commit, 40 hex digits"):
        hub.pull(REPO, revision, tmp_path / "fetched")
    assert stub.requests == []


def test_what_is_not_there(stub, tmp_path):
    with pytest.raises(hub.HubError, match=r"me/act-bench is not there, or is private"):
        hub.pull(REPO, "1" * 40, tmp_path / "fetched")
    with pytest.raises(hub.HubError, match="is no name of a repository"):
        hub.pull("a/b/c", "1" * 40, tmp_path / "fetched")


def test_refusals_and_no_connection_are_sentences(stub, folder, monkeypatch):
    stub.faults = {"repos/create": 403}
    with pytest.raises(hub.HubError, match=r"the Hub refuses me/act-bench: .*403"):
        hub.push(folder, REPO, "v1")
    api = huggingface_hub.HfApi(endpoint="http://127.0.0.1:1", token="hf_stub")  # noqa: S106
    with pytest.raises(hub.HubError, match="the Hub cannot be reached"):
        hub.push(folder, REPO, "v1", api=api)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_dry_run_lists_and_sends_nothing(stub, data_folder):
    result = run("push", REPO, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {file["path"] for file in document["files"]} >= {"README.md", "croissant.json"}
    assert document["bytes"] == sum(file["bytes"] for file in document["files"])
    assert document["commit"] is None
    assert stub.requests == []
    assert "Nothing was sent" in run("push", REPO, "--dry-run").stdout


def test_commands_push_and_download(stub, data_folder, tmp_path):
    result = run("push", REPO, "--json", "--tag", "v9")
    assert result.exit_code == 0, result.output
    commit = json.loads(result.stdout)["commit"]
    assert stub.repositories[REPO]["tags"] == {"v9": commit}
    files = stub.repositories[REPO]["commits"][commit]
    metadata = json.loads(files["croissant.json"])
    assert metadata["url"] == f"https://huggingface.co/datasets/{REPO}"
    target = tmp_path / "there"
    result = run("download", REPO, "--revision", commit, "--to", target)
    assert result.exit_code == 0, result.output
    assert f"data files verified, {REPO} at {commit}" in result.stdout
    assert run("download", REPO, "--revision", "main", "--to", target).exit_code == 2
    assert run("download", REPO, "--revision", "1" * 40, "--to", target).exit_code == 3
    result = run("push", REPO, "--tag", "v9")
    assert result.exit_code == 3
    assert "has the tag v9 already" in result.stderr
