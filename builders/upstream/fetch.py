"""Download a large file: resumed where it stopped, tried again where that helps, and checked.

What has arrived is kept beside the target as ``NAME.part``, with the server's mark of the version
(``ETag`` or ``Last-Modified``) as ``NAME.part.mark``. The next try, in this process or a later one,
asks for the rest of that version; if the server has another by now, it begins anew.
"""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from act_bench.errors import ActBenchError, ExitCode

_CHUNK: Final = 1 << 20
_LONGEST_PAUSE_S: Final = 60.0
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_UNSATISFIABLE: Final = 416
_PARTIAL: Final = 206


class FetchError(ActBenchError, RuntimeError):
    """A download that failed for good; the message names the URL, the cause and the fix."""

    exit_code = ExitCode.DATA


class _TransientError(ActBenchError):
    """A failure that may be gone at the next try."""

    exit_code = ExitCode.DATA


def fetch(
    url: str,
    target: Path,
    *,
    tries: int = 5,
    timeout_s: float = 30.0,
    pause_s: float = 1.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Download a JSON object to ``target``, which appears whole or not at all.

    Parameters
    ----------
    url
        An http or https address.
    target
        Where to; its folder is made. An earlier file of that name is replaced.
    tries
        How often in a row it may fail without a single byte more.
    timeout_s
        Seconds without an answer after which a try has failed.
    pause_s
        Seconds before the second try; doubled for each one after, up to a minute.
    progress
        Called with the bytes that have arrived and the size, None while that is not known.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    FetchError
        The server refuses, every try failed, the disk is too small, or what came is no JSON
        object. What has arrived is kept for the next call, unless it is no JSON.
    """
    if not url.startswith(("https://", "http://")):
        raise FetchError(f"expected an http or https address, got {url!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    failed = 0
    while True:
        before = _size(part)
        try:
            _continue(url, part, timeout_s, progress)
            break
        except _TransientError as error:
            failed = 1 if _size(part) > before else failed + 1
            if failed >= tries:
                raise FetchError(
                    f"{url}: {error}; gave up after {failed} tries in a row. The "
                    f"{_size(part):,} bytes that arrived are kept: run the same again to continue"
                ) from error
            time.sleep(min(pause_s * 2 ** (failed - 1), _LONGEST_PAUSE_S))
    _check_content(url, part)
    part.replace(target)
    _mark_file(part).unlink(missing_ok=True)
    return target


def _continue(
    url: str, part: Path, timeout_s: float, progress: Callable[[int, int | None], None] | None
) -> None:
    """Ask for what is missing of ``part`` and append it."""
    mark = _mark_file(part).read_text(encoding="ascii") if _mark_file(part).exists() else ""
    have = _size(part) if mark else 0
    headers = {"User-Agent": f"act-bench/{version('act-bench')}", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  (scheme checked by fetch)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            _receive(response, part, have, mark, progress)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer too, and holds the connection
        if error.code == _UNSATISFIABLE and have:
            _discard(part)
            raise _TransientError("the server has no rest of what had arrived") from error
        if error.code in _TRANSIENT:
            raise _TransientError(f"the server answers {error.code} {error.reason}") from error
        raise FetchError(
            f"{url}: the server answers {error.code} {error.reason}. The file may have moved: "
            "get it in another way and give its path with --from"
        ) from error
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ConnectionError,
        TimeoutError,
    ) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _TransientError(f"no connection ({reason})") from error


def _receive(
    response: http.client.HTTPResponse,
    part: Path,
    have: int,
    mark: str,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    """Write the body of an answer, of the whole file or of the rest of it."""
    new_mark = _mark_of(response)
    if response.status == _PARTIAL:
        first, _, whole = (
            response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        )
        if new_mark != mark or not first.startswith(f"{have}-") or not whole.isdecimal():
            _discard(part)
            raise _TransientError("the server sent another part than was asked for")
        size: int | None = int(whole)
    else:
        have = 0
        length = response.headers.get("Content-Length")
        size = int(length) if length else None
    free = shutil.disk_usage(part.parent).free
    if size is not None and size - have > free:
        raise FetchError(
            f"{part.parent}: {size - have:,} bytes are to come, the disk has {free:,} free; make "
            "room, or set ACT_BENCH_CACHE to another folder"
        )
    with part.open("ab" if have else "wb") as file:
        _mark_file(part).write_text(new_mark, encoding="ascii")
        while chunk := response.read(_CHUNK):
            have += file.write(chunk)
            if progress:
                progress(have, size)
    if size is not None and have != size:
        raise _TransientError(f"the connection ended after {have:,} of {size:,} bytes")


def _mark_of(response: http.client.HTTPResponse) -> str:
    """Return what a later request can name this version by; empty if there is nothing."""
    mark = response.headers.get("ETag", "")
    if not mark or mark.startswith("W/"):  # a weak mark does not promise the same bytes
        mark = response.headers.get("Last-Modified", "")
    return mark if mark.isascii() else ""


def _check_content(url: str, part: Path) -> None:
    """Refuse what cannot be a JSON object, such as a page that asks to log in."""
    with part.open("rb") as file:
        first = file.read(64).lstrip()
        file.seek(max(0, _size(part) - 64))
        last = file.read().rstrip()
    if first[:1] != b"{" or last[-1:] != b"}":
        _discard(part)
        raise FetchError(
            f"{url}: expected a JSON object, got {first[:20]!r} ... {last[-20:]!r}; it was deleted"
        )


def _mark_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.mark")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _mark_file(part).unlink(missing_ok=True)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
