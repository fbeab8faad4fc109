"""Every number of README, card and studies stands in a file that a command made, or is allowed."""

from __future__ import annotations

import pytest

from builders.numbers import Number, Sources, check, numbers_in, reports


@pytest.mark.parametrize("page", check.pages(), ids=lambda page: page.name)
def test_every_number_has_a_source(page) -> None:
    left = check.unexplained(check.places(page))
    assert not left, check.explain(left)


def test_every_number_of_readme_has_its_command() -> None:
    rows = check.rows_of(check.README)
    stated = {(row["heading"], number) for row in rows for number in row["numbers"].split()}
    stated |= {
        (row["heading"], number)
        for row in check.allowed()
        if row["page"] == "README.md"
        for number in row["numbers"].split()
    }
    page = check.places(reports.ROOT / "README.md")
    assert {(place.heading, place.number.text) for place in page} == stated
    for row in filter(lambda row: row["file"], rows):
        known = Sources.of((reports.ROOT / row["file"]).read_text("utf-8"))
        for number in row["numbers"].split():
            assert Number(number).is_in(known), (number, row["file"], row["command"])


def test_what_is_allowed_is_there_and_has_a_reason() -> None:
    rows = check.allowed()
    there = {
        (place.page, place.heading, place.number.text)
        for page in check.pages()
        for place in check.places(page)
    }
    stale = [
        (row["page"], row["heading"], number)
        for row in rows
        for number in row["numbers"].split()
        if (row["page"], row["heading"], number) not in there
    ]
    assert not stale, f"delete these from docs/numbers/allowed.csv, no page has them: {stale}"
    assert all(len(row["reason"]) > 8 for row in rows)


def test_every_report_is_recorded() -> None:
    missing = [name for name in reports.REPORTS if not (reports.FOLDER / f"{name}.csv").exists()]
    assert not missing, f"python -m builders.numbers {' '.join(missing)}"


@pytest.mark.parametrize("name", ["energy", "outcomes", "table-resnet", "table-vit"])
def test_a_record_is_what_its_report_prints(name: str, tmp_path, monkeypatch) -> None:
    """Of reports that take a second: what the embedded files say changes with each embedding."""
    recorded = (reports.FOLDER / f"{name}.csv").read_text("utf-8")
    monkeypatch.setattr(reports, "FOLDER", tmp_path)
    reports.record(name, reports.printed(name))
    now = (tmp_path / f"{name}.csv").read_text("utf-8")
    assert now == recorded, f"python -m builders.numbers {name}, then --check"


def test_the_card_has_the_sum_of_energy() -> None:
    lines = [row["line"] for row in check.rows_of(reports.FOLDER / "energy.csv")]
    (total,) = (line for line in lines if "kWh" in line)
    hours, _, energy = (number.text for number in numbers_in(total))
    card = (reports.ROOT / "DATASET_CARD.md").read_text("utf-8")
    assert f"took {hours} core-hours" in card
    assert f"that is {energy} kWh" in card


def test_a_changed_number_is_found(tmp_path, monkeypatch) -> None:
    page = tmp_path / "cnn.md"
    page.write_text(
        "# Act-Bench-CNN\n\n## The table\n\n58.4 % of 2,913 diverge, in 3,719 runs; 0.58399.\n"
        "```\n99.99 in code\n```\n`77.77` [link](a/88.88.md) ResNet-66 in 2023.\n"
    )
    left = check.unexplained(check.places(page))
    assert [place.number.text for place in left] == ["0.58399"]
    assert left[0].heading == "The table"
    assert "python -m builders.numbers" in check.explain(left)
    monkeypatch.setattr(check, "ALLOWED", tmp_path / "allowed.csv")
    monkeypatch.setattr(check, "pages", lambda: [page])
    assert check.allow("cnn.md", "The table", "an example of a reason") == 1
    assert not check.unexplained(check.places(page))


def test_what_a_command_writes_into_a_study_was_not_typed(tmp_path) -> None:
    """Whatever stands in its closing mark; the last of several regions too."""
    page = tmp_path / "rates.md"
    page.write_text(
        "0.11111\n<!-- begin: python -m a -->\n0.22222\n<!-- end -->\n0.33333\n"
        "<!-- begin: python -m b -->\n0.44444\n<!-- end: joint -->\n0.55555\n"
    )
    typed = [place.number.text for place in check.places(page)]
    assert typed == ["0.11111", "0.33333", "0.55555"]


def test_a_study_of_one_table_may_not_quote_what_is_said_of_rates() -> None:
    """Its numbers are so many that they would stand for any: with four tables, for two of five."""
    page = (reports.ROOT / "docs" / "studies" / "rates.md").read_text("utf-8")
    written = [n for region in check._GENERATED.findall(page) for n in numbers_in(region)]
    exact = [number for number in written if number.text.startswith("0.") and len(number.text) > 5]
    assert all(number.is_in(check.sources("rates.md")) for number in exact)
    for table in ("mlp.md", "cnn.md"):
        assert sum(number.is_in(check.sources(table)) for number in exact) < len(exact) / 2


@pytest.mark.parametrize(
    ("text", "source", "found"),
    [
        ("0.92", "0.9249", True),
        ("0.92", "0.9251", False),
        ("68%", "0.6806", True),
        ("68%", "68.1%", True),
        ("0.681", "68.1%", False),
        ("17", "17.2", False),
        ("17", "17", True),
        ("306", "305.6", True),
        ("2913", "2,913", True),
        ("1.5", "0.00015e4", True),
    ],
)
def test_a_number_is_in_a_source_to_the_digits_printed(text, source, found) -> None:
    assert Number(text).is_in(Sources.of(source)) is found


def test_made_up_numbers_are_found() -> None:
    """How much the check sees; more sources make it blind."""
    for page in ("mlp.md", "cnn.md", "resnet.md", "vit.md"):
        known = check.sources(page)
        for digits, most in ((3, 0.4), (4, 0.1)):
            made_up = [Number(f"{n / 499:.{digits}f}") for n in range(1, 499)]
            assert sum(number.is_in(known) for number in made_up) < most * len(made_up)


def test_numbers_are_read_as_they_are_printed() -> None:
    text = "0.7 ± 0.01, 1,023,524 of 5,103 [0.83, 0.95], -0.05; 12 % (v0.1.0 of CIFAR-10, `x2`)."
    assert [each.text for each in numbers_in(text)] == [
        "0.7", "0.01", "1023524", "5103", "0.83", "0.95", "0.05", "12%",
    ]  # fmt: skip
