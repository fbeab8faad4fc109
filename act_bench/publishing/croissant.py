"""Croissant metadata of the exported dataset: what machines read about it.

A JSON-LD document by the Croissant format 1.1 of MLCommons, with the responsible-AI fields of its
RAI extension 1.0. Made from the schema and the manifest, like the dataset card, so that it says
what they say. `mlcroissant` validates it and can read the records through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from typing import Final, TypeAlias

from act_bench.files.manifest import FileRecord
from act_bench.tables.configurations import Configuration, exported_files
from act_bench.tables.schema import Column, split_dtype

Json: TypeAlias = "str | bool | int | dict[str, Json] | list[Json]"

NAME: Final = "croissant.json"
LICENCE_URL: Final = "https://creativecommons.org/licenses/by/4.0/"
PARQUET: Final = "application/x-parquet"  # the type that mlcroissant reads

# The context that the Croissant 1.1 specification prescribes, word for word.
_CONTEXT: Final[dict[str, Json]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_TYPES: Final = {
    "string": "sc:Text",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float32": "cr:Float32",
    "float64": "cr:Float64",
    "bool_": "sc:Boolean",
}

# DATASET_CARD.md says the same at more length.
_RAI: Final[dict[str, Json]] = {
    "rai:dataCollection": (
        "Every row of a table is a mathematical function of a space that is enumerated completely; "
        "its metrics were measured by training a network with it. The recipe of the training is in "
        "the metadata of each Parquet file and its hash in each run. The configuration literature "
        "was transcribed from the texts of papers."
    ),
    "rai:dataCollectionType": ["Experiments", "Software Collection", "Secondary Data Analysis"],
    "rai:dataCollectionMissingData": (
        "A run whose loss is not finite has the outcome diverged and null metrics, an entry that "
        "was never trained the outcome missing. Nothing is imputed, and no number stands for a "
        "failure."
    ),
    "rai:dataPreprocessingProtocol": (
        "The metrics of an entry are medians over its runs, in which a diverged run ranks below "
        "every finite one."
    ),
    "rai:dataUseCases": [
        "Development and comparison of search methods and surrogates for activation functions",
        "Study of which activation functions train, and why",
        "Not for: choosing the activation function of another network without training it",
    ],
    "rai:dataBiases": [
        "One recipe a fidelity: who needs another learning rate or start looks worse than it is.",
        "A fidelity below full ranks by short training: who starts to learn late looks worse.",
    ],
    "rai:dataLimitations": [
        "Small networks on small image data sets only.",
        "Functions that differ by less than their seeds do are not ranked by these data.",
        "runtime_s is a time on the machine that made the run: use it as relative cost.",
    ],
    "rai:dataSocialImpact": (
        "Search methods can be compared without training, which saves energy; there is no impact "
        "on single persons, for the data are about functions."
    ),
    "rai:personalSensitiveInformation": "None: the rows are functions and results of training.",
    "rai:dataReleaseMaintenancePlan": (
        "Each version of the data is a tag and never changes; what changed is in the changelog of "
        "the package act-bench, whose version is that of the data."
    ),
}

_CITATION: Final = (
    "@inproceedings{bingham2023efficient, title = {Efficient Activation Function Optimization "
    "through Surrogate Modeling}, author = {Bingham, Garrett and Miikkulainen, Risto}, booktitle = "
    "{Advances in Neural Information Processing Systems}, year = {2023}, note = {arXiv:2301.05785}}"
)


def croissant(
    records: Mapping[str, FileRecord], published: date, url: str | None = None
) -> dict[str, Json]:
    """Return the Croissant document of the embedded data, for the layout that ``export`` writes.

    Parameters
    ----------
    records
        Of the files of the export, by name.
    published
        The date of this publication.
    url
        Where the dataset is, for instance its page on the Hub; None where it is only a folder.

    Returns
    -------
    dict
        To be written as ``croissant.json`` beside the folder ``data``.

    Raises
    ------
    DataError
        If the manifest is missing or damaged.

    Examples
    --------
    >>> document = croissant({}, date(2026, 1, 31))
    >>> document["conformsTo"][0]
    'http://mlcommons.org/croissant/1.1'
    """
    document: dict[str, Json] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "act-bench",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "description": (
            "How well does this network train with that activation function? Results of training "
            "for the 2,913 functions of the space binary(unary(x),unary(x)) of Bingham and "
            "Miikkulainen (2023), to develop search methods without training."
        ),
        "license": LICENCE_URL,
        "citeAs": _CITATION,
        "creator": {"@type": "sc:Organization", "name": "The Act-Bench maintainers"},
        "datePublished": published.isoformat(),
        "version": version("act-bench"),
        "isLiveDataset": False,
        "keywords": ["activation functions", "AutoML", "benchmark", "neural architecture search"],
        **_RAI,
        "distribution": [_file(records[name]) for name in sorted(records)],
        "recordSet": [_record_set(configuration) for configuration in exported_files().values()],
    }
    return document | {"url": url} if url else document


def _file(record: FileRecord) -> Json:
    return {
        "@type": "cr:FileObject",
        "@id": record.name,
        "name": record.name,
        "description": f"{record.rows} rows. Made by: {record.made}",
        "contentUrl": f"data/{record.name}",
        "contentSize": f"{record.bytes} B",
        "encodingFormat": PARQUET,
        "sha256": record.sha256,
    }


def _record_set(configuration: Configuration) -> Json:
    return {
        "@type": "cr:RecordSet",
        "@id": configuration.name,
        "name": configuration.name,
        "description": configuration.description,
        "field": [_field(configuration, column) for column in configuration.columns],
    }


def _field(configuration: Configuration, column: Column) -> Json:
    item, kind, length = split_dtype(column.dtype)
    field: dict[str, Json] = {
        "@type": "cr:Field",
        "@id": f"{configuration.name}/{column.name}",
        "name": column.name,
        "description": column.meaning + (f" Unit: {column.unit}." if column.unit else ""),
        "dataType": _TYPES[item],
        "source": {
            "fileObject": {"@id": configuration.exported},
            "extract": {"column": column.name},
        },
    }
    if kind == "list":
        field |= {"isArray": True, "arrayShape": str(-1 if length is None else length)}
    return field
