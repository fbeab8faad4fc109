"""Files of `act-bench features`: no damage of any kind is read as data."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_bench.files.manifest import DataError
from act_bench.functions.expression import parse
from act_bench.tables.spectra import read_spectra
from regenerate.fisher.feature_file import extend
from regenerate.fisher.networks import setting


@pytest.fixture(scope="module")
def network():
    return setting("mlp")


@pytest.fixture(scope="module")
def content(tmp_path_factory, network):
    file = tmp_path_factory.mktemp("features") / "features.parquet"
    list(extend(file, [parse("tanh(x)"), parse("zero(x)")], network))
    return file.read_bytes()


@settings(max_examples=25)
@given(st.integers(0, 1 << 20), st.integers(0, 7), st.booleans())
def test_any_flipped_bit_or_cut_is_named(content, network, tmp_path_factory, place, bit, cut):
    file = tmp_path_factory.mktemp("flipped") / "features.parquet"
    changed = bytearray(content)
    place %= len(content)
    if cut:
        changed = changed[:place]
    else:
        changed[place] ^= 1 << bit
    file.write_bytes(changed)
    with pytest.raises(DataError, match=r"features\.parquet"):
        read_spectra(file)
    with pytest.raises(DataError, match=r"features\.parquet"):
        next(extend(file, [parse("tanh(x)")], network))
