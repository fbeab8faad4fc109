"""Croissant metadata and the card's head, read by the libraries that others read them with."""

from __future__ import annotations

import json
import logging
from datetime import date

import polars as pl
import pytest

from act_bench.files.manifest import read_manifest, sha256
from act_bench.publishing.croissant import croissant
from act_bench.publishing.export import export
from act_bench.tables.configurations import configurations, exported_files

RAI_FIELDS = (
    "dataCollection",
    "dataCollectionType",
    "dataCollectionMissingData",
    "dataPreprocessingProtocol",
    "dataUseCases",
    "dataBiases",
    "dataLimitations",
    "dataSocialImpact",
    "personalSensitiveInformation",
    "dataReleaseMaintenancePlan",
)


@pytest.fixture
def folder(data_folder, tmp_path):
    export(tmp_path / "act-bench", url="https://example.org/act-bench")
    return tmp_path / "act-bench"


@pytest.fixture
def document(folder):
    return json.loads((folder / "croissant.json").read_text(encoding="utf-8"))


def test_every_file_and_column_is_described(folder, document):
    files = {item["@id"]: item for item in document["distribution"]}
    assert files.keys() == read_manifest().keys()
    for item in files.values():
        path = folder / item["contentUrl"]
        assert item["sha256"] == sha256(path)
        assert item["contentSize"] == f"{path.stat().st_size} B"
    described = set()
    for records in document["recordSet"]:
        columns = [field["source"]["extract"]["column"] for field in records["field"]]
        [file] = {field["source"]["fileObject"]["@id"] for field in records["field"]}
        assert columns == list(pl.read_parquet_schema(folder / "data" / file))
        described.add(file)
    assert described == files.keys()
    assert {records["@id"] for records in document["recordSet"]} <= configurations().keys()


def test_responsible_ai_fields_are_filled(document):
    for name in RAI_FIELDS:
        assert document[f"rai:{name}"], name
    assert "http://mlcommons.org/croissant/RAI/1.0" in document["conformsTo"]


def test_provenance_contact_and_role_are_told(document):
    assert document["rai:hasSyntheticData"] is False
    sources = {each["@id"] for each in document["prov:wasDerivedFrom"]}
    assert any("imagenette" in address for address in sources)
    assert "https://arxiv.org/abs/2301.05785" in sources
    made = document["prov:wasGeneratedBy"]["prov:wasAssociatedWith"]
    assert made["description"].startswith("act-bench ")
    assert document["@context"]["prov"] == "http://www.w3.org/ns/prov#"
    assert document["citeAs"].startswith("@misc{actbench")
    assert document["rai:dataUseCases"][0].startswith("Evaluative role: ")
    assert document["contactPoint"]["description"]


def test_date_and_address(data_folder):
    document = croissant(read_manifest(), date(2026, 3, 4), "https://example.org")
    assert (document["datePublished"], document["url"]) == ("2026-03-04", "https://example.org")
    assert "url" not in croissant(read_manifest(), date(2026, 3, 4))


# Of its own and of rdflib's, which it has not followed yet.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mlcroissant_validates_it_and_reads_the_records(folder, caplog):
    mlcroissant = pytest.importorskip("mlcroissant")
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(folder / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    assert not [record for record in caplog.records if "croissant" in record.pathname]
    for records in dataset.metadata.record_sets:
        name = records.uuid
        frame = pl.read_parquet(folder / "data" / configurations()[name].file)
        found = list(dataset.records(record_set=name))
        assert len(found) == frame.height
        first = {key.partition("/")[2]: value for key, value in found[0].items()}
        assert set(first) == set(frame.columns)
        if "outputs" in first:
            assert list(first["outputs"]) == pytest.approx(frame["outputs"][0].to_list())
        assert first["expression"].decode() == frame["expression"][0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mlcroissant_validates_and_reads_what_is_embedded(exported):
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(exported / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    whole = exported_files()
    assert [records.uuid for records in dataset.metadata.record_sets] == [
        configuration.name for configuration in whole.values()
    ]
    assert {path.name for path in exported.glob("data/*.parquet")} == whole.keys()
    for records in dataset.metadata.record_sets:
        name = records.uuid
        first = next(iter(dataset.records(record_set=name)))
        truth = pl.read_parquet(exported / "data" / configurations()[name].exported)
        found = {key.partition("/")[2]: value for key, value in first.items()}
        assert list(found) == truth.columns
        for column, value in truth.row(0, named=True).items():
            if isinstance(value, str):
                assert found[column].decode() == value
            elif isinstance(value, int | float):
                assert found[column] == value


def test_huggingface_hub_loads_the_card(folder):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    card = huggingface_hub.DatasetCard.load(folder / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.task_categories == ["tabular-regression"]
    assert [item["config_name"] for item in card.data.configs] == list(configurations())
    assert [item["config_name"] for item in card.data.configs if item.get("default")] == ["mlp"]
    info = {item["config_name"]: item for item in card.data.dataset_info}
    assert info.keys() == configurations().keys()
    assert card.text.strip()
    written = huggingface_hub.DatasetCardData(**card.data.to_dict()).to_dict()
    assert written == card.data.to_dict()
