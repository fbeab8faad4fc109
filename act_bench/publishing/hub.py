"""Publish an exported dataset on the Hugging Face Hub, and fetch a pinned version back.

Needs the extra ``hub``. A publication is one commit with everything, then a tag with the version of
the data; a version that is there is never changed. Fetching wants the hash of a commit, because
branches and tags can be moved, and checks every file against the manifest in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from act_bench.errors import ActBenchError, ArgumentError, ExitCode, needs_extra
from act_bench.files.manifest import (
    MANIFEST,
    SPACE_FILE,
    DataError,
    decoded,
    read_manifest,
    sha256,
)
from act_bench.publishing.croissant import NAME as CROISSANT

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KIND: Final = "dataset"
README: Final = "README.md"
_HASH: Final = re.compile(r"[0-9a-f]{40}")


class HubError(ActBenchError, RuntimeError):
    """The Hub cannot be reached, refuses, or has what must not be changed; says what to do."""

    exit_code = ExitCode.DATA


class Upload(NamedTuple):
    """A file to send.

    Attributes
    ----------
    path
        Its path in the repository.
    bytes
        Its size.
    sha256
        Hex digits of the SHA-256 of its bytes.
    """

    path: str
    bytes: int
    sha256: str


class Pushed(NamedTuple):
    """A publication.

    Attributes
    ----------
    url
        The page of the dataset.
    commit
        Hash of the commit: what ``pull`` wants.
    tag
        The tag that names it.
    """

    url: str
    commit: str
    tag: str


def uploads(folder: Path) -> list[Upload]:
    """Return the files of an exported folder, sorted by path, after checking them.

    Raises
    ------
    DataError
        If the folder is no export, or a file in it is missing or damaged.
    """
    check(folder)
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    # What is hidden is no part of the dataset: the client keeps its own notes in .cache.
    paths = sorted(path for path in found if not any(part[0] == "." for part in path.parts))
    expected = {README, CROISSANT}
    stray = [path.as_posix() for path in paths if path.parts[0] != "data"]
    if unknown := sorted(set(stray) - expected):
        raise DataError(
            f"{folder}: {', '.join(unknown)} is no part of an export and would be published; move "
            "it away"
        )
    return [
        Upload(path.as_posix(), (folder / path).stat().st_size, sha256(folder / path))
        for path in paths
    ]


def check(folder: Path) -> list[str]:
    """Check an exported or fetched folder against its manifest; return what was checked.

    The manifest itself is checked too: it names the files of the export's metadata
    (``croissant.json``), whatever the version, and no others.

    Raises
    ------
    DataError
        If the manifest or a file that it names is missing, damaged or unreadable, the manifest has
        other files than the metadata, or there are other files in ``data``.
    """
    data = folder / "data"
    fix = "export or download it again"
    records = read_manifest(data, fix)
    found = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    if stray := sorted(name for name in found - {*records, MANIFEST} if name[0] != "."):
        raise DataError(f"{data}: {', '.join(stray)} not in {MANIFEST}; {fix}")
    promised = _promised(folder, fix)
    if lacking := sorted(({SPACE_FILE} | promised.keys()) - records.keys()):
        raise DataError(f"{data / MANIFEST} lacks {', '.join(lacking)}; {fix}")
    if unknown := sorted(records.keys() - promised.keys()):
        raise DataError(
            f"{data / MANIFEST} has {', '.join(unknown)}, of which {CROISSANT} has nothing; {fix}"
        )
    if other := sorted(name for name, digest in promised.items() if digest != records[name].sha256):
        raise DataError(
            f"{data / MANIFEST} has another SHA-256 of {', '.join(other)} than {CROISSANT}; {fix}"
        )
    return [decoded(name, data, fix).name for name in sorted(records)]


def _promised(folder: Path, fix: str) -> dict[str, str]:
    """Return the data files that the metadata of an export name, with their SHA-256."""
    path = folder / CROISSANT
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["distribution"]
        return {PurePosixPath(file["contentUrl"]).name: str(file["sha256"]) for file in files}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is missing or damaged ({error}); {fix}") from error


def push(
    folder: Path, repo_id: str, tag: str, *, private: bool = True, api: HfApi | None = None
) -> Pushed:
    """Publish an exported folder: one commit with all files, then a tag.

    Parquet files of an earlier version that this one does not have are removed by the same commit.

    Parameters
    ----------
    folder
        What ``act_bench.publishing.export.export`` wrote.
    repo_id
        ``user/name``; made if it does not exist.
    tag
        Names the version; must not exist.
    private
        Whether a repository that is made is private. One that exists stays as it is.
    api
        Default: the Hub, with the token of ``hf auth login``.

    Returns
    -------
    Pushed

    Raises
    ------
    DataError
        If the folder is no export, or is damaged.
    HubError
        If the tag exists, or the Hub refuses or cannot be reached. Before the commit, that leaves
        what is on the Hub as it was; after it, the tag is missing: run the same again.
    """
    files = uploads(folder)
    api = api or hub_api()  # says how to get the client where it is not installed
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with explained(repo_id):
        api.create_repo(repo_id, repo_type=KIND, private=private, exist_ok=True)
        refs = api.list_repo_refs(repo_id, repo_type=KIND)
        tags = {ref.name: ref.target_commit for ref in refs.tags}
        if tag in tags:
            raise HubError(
                f"{repo_id} has the tag {tag} already, at commit {tags[tag]}: a version that was "
                "published does not change. Raise the version, or give another --tag"
            )
        head = api.dataset_info(repo_id)
        there = {sibling.rfilename for sibling in head.siblings or ()}
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationAdd(file.path, folder / file.path) for file in files
        ]
        operations += [
            CommitOperationDelete(path) for path in _stale(there, {file.path for file in files})
        ]
        commit = api.create_commit(
            repo_id,
            operations,
            commit_message=f"Act-Bench {tag}",
            repo_type=KIND,
            parent_commit=head.sha,  # refused if somebody else committed meanwhile
        )
        api.create_tag(repo_id, tag=tag, revision=commit.oid, repo_type=KIND)
    return Pushed(f"{api.endpoint}/datasets/{repo_id}", commit.oid, tag)


def pull(repo_id: str, revision: str, folder: Path, *, api: HfApi | None = None) -> list[str]:
    """Fetch a pinned version into a folder, and check every file.

    Parameters
    ----------
    repo_id
        ``user/name``.
    revision
        The whole hash of a commit.
    folder
        Where to; files that are there and right are not fetched again.
    api
        Default: the Hub.

    Returns
    -------
    list of str
        The data files that were checked.

    Raises
    ------
    act_bench.errors.ArgumentError
        If the revision is no whole hash.
    DataError
        If what came is no Act-Bench dataset, or a file is damaged.
    HubError
        If the Hub refuses or cannot be reached.
    """
    if not _HASH.fullmatch(revision):
        raise ArgumentError(
            f"expected the whole hash of a commit, 40 hex digits, got {revision!r}: branches and "
            "tags can move. `act-bench push` prints the hash; on the Hub it is under History"
        )
    api = api or hub_api()
    with explained(repo_id):
        api.snapshot_download(repo_id, repo_type=KIND, revision=revision, local_dir=folder)
    return check(folder)


def hub_api() -> HfApi:
    """Return the Hub's own client.

    Raises
    ------
    act_bench.errors.MissingExtraError
        If it is not installed.
    """
    with needs_extra("the Hugging Face Hub"):
        from huggingface_hub import HfApi
    return HfApi(library_name="act-bench")


@contextmanager
def explained(repo_id: str) -> Iterator[None]:
    """Turn the failures of the Hub's client into a ``HubError`` that says what to do."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    # The HTTP library depends on the version of the client: all errors of requests are OSErrors,
    # those of httpx have the class that is a base of the client's own.
    bases = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    unreachable: tuple[type[Exception], ...] = (OSError, *bases)
    try:
        yield
    except HFValidationError as error:
        raise HubError(f"{repo_id!r} is no name of a repository: {error}") from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"{repo_id} is not there, or is private and not yours: check the name, and `hf auth "
            f"login` ({error})"
        ) from error
    except HfHubHTTPError as error:
        raise HubError(f"the Hub refuses {repo_id}: {error}") from error
    except unreachable as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # a file here, not the network
        raise HubError(f"the Hub cannot be reached: {error}") from error


def _stale(there: Iterable[str], sent: set[str]) -> list[str]:
    """Return the Parquet files of an earlier version, which this one does not have."""
    paths = sorted(set(there) - sent)
    return [path for path in paths if PurePosixPath(path).match("data/*.parquet")]
