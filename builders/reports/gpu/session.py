"""What was found on a device, in a folder: each stage is done once, however often it is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files import resumable
from act_bench.files.atomic import replacing
from act_bench.files.documents import read_object

MARKER: Final = "device.json"
REPORT: Final = "report.json"


class SessionError(ActBenchError, RuntimeError):
    """A folder that belongs to another device or cannot be written to."""

    exit_code = ExitCode.DATA


class Session:
    """The folder of a device's report.

    Parameters
    ----------
    folder
        Made if need be.
    identity
        Of the device and its software, as values of JSON: a folder belongs to one.

    Raises
    ------
    SessionError
        If the folder belongs to another, or cannot be written to.

    Examples
    --------
    >>> session = Session(getfixture("tmp_path") / "gpu", {"device": "cpu"})
    >>> session.once("peak", lambda: 1), session.once("peak", lambda: 2)
    (1, 1)
    """

    def __init__(self, folder: Path, identity: dict[str, object]) -> None:
        resumable.claim(folder, MARKER, identity, holds="a report", error=SessionError)
        self.folder = folder
        self._path = folder / REPORT
        self.report: dict[str, Any] = dict(identity)
        if self._path.exists():
            try:
                self.report = read_object(self._path)
            except ValueError as error:
                raise SessionError(f"{self._path} is damaged ({error}); delete it") from error

    def once(self, stage: str, do: Callable[[], Any]) -> Any:
        """Return what a stage found, as values of JSON; do it if it has not been done."""
        if stage not in self.report:
            self.note(stage, do())
        return self.report[stage]

    def note(self, stage: str, found: object) -> None:
        """Write what a stage found, in place of what it found before."""
        self.report[stage] = json.loads(json.dumps(found))
        try:
            with replacing(self._path) as draft:
                draft.write_text(json.dumps(self.report, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise SessionError(f"cannot write {self._path}: {error.strerror}") from error
