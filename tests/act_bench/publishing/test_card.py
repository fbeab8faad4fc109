"""The dataset card: every section of the Hub's template, and a head that the libraries read."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from act_bench.publishing.export import card
from act_bench.tables.configurations import configurations
from act_bench.tables.schema import names

hub = pytest.importorskip("huggingface_hub")


def headings(text: str) -> list[str]:
    """Return the headings of Markdown without their marks, code left out."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [name.replace(" [optional]", "") for name in found]


def test_every_section_of_the_template_is_filled_in_its_order():
    template = Path(hub.__file__).parent / "templates" / "datasetcard_template.md"
    wanted = headings(template.read_text(encoding="utf-8").partition("---\n\n")[2])
    wanted = [name for name in wanted if "{{" not in name]
    assert len(wanted) > 15
    ours = headings(card())
    assert [name for name in ours if name in wanted] == wanted
    sections = re.split(r"^#+ .+$", card(), flags=re.MULTILINE)[1:]
    parents = {"Dataset Details", "Uses", "Dataset Creation"}
    empty = [n for n, text in zip(ours, sections, strict=True) if not text.strip()]
    assert set(empty) <= parents
    assert "More Information Needed" not in card()


def test_limitations_come_before_the_tables_of_columns():
    text = card()
    assert text.index("## Bias, Risks, and Limitations") < text.index("## Columns")
    assert "| column | type |" not in text[: text.index("## Columns")]
    for said in ("How to report", "Energy.", "licenses", "Maintenance."):
        assert said in text


def test_versions_and_citations():
    assert {"Errata", "Changes between versions"} <= set(headings(card()))
    assert f"- **{version('act-bench')}**" in card()
    assert f"version {version('act-bench')}" in card()
    assert card().count("@") == 2
    assert "arXiv:2301.05785" in card()


def test_the_head_is_read_by_the_libraries(exported):
    datasets = pytest.importorskip("datasets")
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs

    loaded = hub.DatasetCard.load(exported / "README.md")
    configs = MetadataConfigs.from_dataset_card_data(loaded.data)
    assert list(configs) == list(configurations())
    assert configs.get_default_config_name() == next(iter(configurations()))
    infos = DatasetInfosDict.from_dataset_card_data(loaded.data)
    assert infos.keys() == configurations().keys()
    for name, configuration in configurations().items():
        files = configs[name]["data_files"]
        assert [str(exported / file["path"]) for file in files] == [
            str(exported / "data" / configuration.exported)
        ]
        every = pq.read_schema(exported / "data" / configuration.exported).names
        assert configs[name].get("columns", every) == names(configuration.columns)
        assert list(infos[name].features) == [column.name for column in configuration.columns]
        assert isinstance(infos[name].features, datasets.Features)


def test_validate_sends_the_whole_card(exported, monkeypatch):
    """The rules are the server's; what goes there, and what becomes of its answer, is not."""
    loaded = hub.DatasetCard.load(exported / "README.md")
    sent = []

    class Answer:
        text = "license is not known"

        def __init__(self, status_code: int) -> None:
            self.status_code = status_code

        def raise_for_status(self) -> None:  # clients before 1.0 call this
            pass

    class Session:
        def post(self, url: str, data: Any = None, *, json: Any = None, **_: Any) -> Answer:
            sent.append((url, json or data))  # some clients give it without a name
            return Answer(200)

    monkeypatch.setattr("huggingface_hub.repocard.get_session", Session)
    monkeypatch.setattr(
        "huggingface_hub.repocard.hf_raise_for_status", lambda _: None, raising=False
    )
    loaded.validate()
    [(url, body)] = sent
    assert url.endswith("/api/validate-yaml")
    assert body["repoType"] == "dataset"
    assert body["content"] == (exported / "README.md").read_text(encoding="utf-8")
    assert json.dumps(body)
