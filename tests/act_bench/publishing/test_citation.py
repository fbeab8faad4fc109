"""One record of how to cite: every place that says it says the same."""

from __future__ import annotations

import json
import re
from email.message import Message
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

import act_bench
from act_bench.cli import main
from act_bench.publishing import citation
from act_bench.publishing.export import card
from act_bench.tables.schema import UnknownNameError

ROOT = Path(__file__).parents[3]


def test_the_card_and_the_file_say_what_the_package_says():
    assert act_bench.cite() in card()
    assert (ROOT / "CITATION.cff").read_text("utf-8").strip() == act_bench.cite("cff"), (
        "act-bench cite --form cff > CITATION.cff"
    )


def test_the_file_is_yaml_with_the_fields_that_the_format_demands():
    yaml = pytest.importorskip("yaml")
    document = yaml.safe_load(act_bench.cite("cff"))
    assert document["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= document.keys()
    assert document["version"] == version("act-bench")
    (paper,) = document["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Bingham", "Miikkulainen"]
    assert paper["type"] == "conference-paper"


def test_entries_of_bibtex_are_balanced_and_have_what_is_cited_by():
    entries = re.findall(r"^@(\w+)\{(\w+),$", act_bench.cite(), re.MULTILINE)
    assert entries == [("misc", "actbench"), ("inproceedings", "bingham2023efficient")]
    assert act_bench.cite().count("{") == act_bench.cite().count("}")


def test_the_repository_is_named_once_there_is_one(monkeypatch):
    assert citation.repository() is None, "then docs/how-to/release.md is to be followed"
    known = Message()
    known["Version"] = "0.1.0"
    known["Project-URL"] = "Repository, https://example.org/act-bench"
    monkeypatch.setattr(citation, "metadata", lambda name: known)
    monkeypatch.setattr(citation, "DOI", "10.5281/zenodo.1")
    for form in citation.FORMS:
        assert "https://example.org/act-bench" in act_bench.cite(form)
    assert "10.5281/zenodo.1" in act_bench.cite()


def test_the_command_prints_it_and_unknown_forms_are_refused():
    done = CliRunner().invoke(main, ["cite", "--form", "apa", "--json"])
    assert json.loads(done.stdout)["citation"] == act_bench.cite("apa")
    with pytest.raises(UnknownNameError, match="form of citation 'bib'"):
        act_bench.cite("bib")
