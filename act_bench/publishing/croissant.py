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
from act_bench.publishing.citation import AUTHOR, SPACE_PAPER, bibtex_entry, repository
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
    "prov": "http://www.w3.org/ns/prov#",
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
        (
            "Evaluative role: a benchmark. What is evaluated is a search method or a surrogate, by "
            "regret and by evaluations or clock until a goal, on validation; the metrics of test "
            "are revealed once, for the final report. The numbers are no ranking of activation "
            "functions in general."
        ),
        "Development and comparison of search methods and surrogates for activation functions",
        "Study of which activation functions train, and why",
        "Not for: choosing the activation function of another network without training it",
    ],
    "rai:dataBiases": [
        "Few learning rates and one initialization: who needs others looks worse than it is.",
        "Tuned entries are the best of their learning rates by one seed, which flatters them.",
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
    "rai:hasSyntheticData": False,
    "rai:dataReleaseMaintenancePlan": (
        "The maintainers answer issues of the repository and discussions of the dataset's page. "
        "Each version of the data is a tag and never changes; an error that is found is listed "
        "under Errata of the card with the versions that have it, and corrected in a new version. "
        "The version is that of the package act-bench, whose changelog tells what changed: more "
        "runs raise the minor version, a column that goes raises the major one. Runs that were "
        "published stay, and so do the numbers of entries."
    ),
}


_SOURCES: Final = (
    (
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        "Optical Recognition of Handwritten Digits, as in scikit-learn (mlp); CC BY 4.0",
    ),
    (
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "CIFAR-10 (cnn, resnet); its page states no license and asks for a citation",
    ),
    (
        "https://github.com/fastai/imagenette",
        "Imagenette (vit); Apache-2.0, its images under the terms of ImageNet",
    ),
    (
        f"https://arxiv.org/abs/{SPACE_PAPER.arxiv}",
        "the space of functions, by its rule; no measurement is taken from there",
    ),
)
"""What networks were trained on, and whose space it is: address and what it gives."""


def _provenance(version: str) -> dict[str, Json]:
    """Return what the data come from and what made them, in the words of W3C PROV."""
    contact: dict[str, Json] = {
        "@type": "sc:ContactPoint",
        "contactType": "maintainers",
        "description": "Issues of the repository, or discussions of this dataset's page",
    }
    if url := repository():
        contact["url"] = url
    return {
        "prov:wasDerivedFrom": [
            {"@id": address, "@type": "prov:Entity", "description": about}
            for address, about in _SOURCES
        ],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "description": (
                "Training of networks (act-bench sweep) and aggregation of the runs (python -m "
                "builders.tables); each file names its command, each run its recipe, seed, device "
                "and versions"
            ),
            "prov:wasAssociatedWith": {
                "@type": "prov:SoftwareAgent",
                "description": f"act-bench {version}",
            },
        },
        "contactPoint": contact,
    }


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
        "citeAs": bibtex_entry(),
        "creator": {"@type": "sc:Organization", "name": AUTHOR},
        "datePublished": published.isoformat(),
        "version": version("act-bench"),
        "isLiveDataset": False,
        "keywords": ["activation functions", "AutoML", "benchmark", "neural architecture search"],
        **_RAI,
        **_provenance(version("act-bench")),
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
