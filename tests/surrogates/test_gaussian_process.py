"""The Gaussian process against scikit-learn's, which factorises anew, and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from surrogates.features import Part
from surrogates.gaussian_process import (
    NOISES,
    Hyperparameters,
    Posterior,
    correlation,
    most_likely,
)
from surrogates.optimizers.model_based import expected_improvement

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((60, 3))
SCORES = np.sin(POINTS[:, 0]) + 0.3 * RNG.standard_normal(60)
DISTANCES = cdist(POINTS, POINTS)


def peer(scale: float, length: float, noise: float, mean: float) -> GaussianProcessRegressor:
    kernel = ConstantKernel(scale) * Matern(length, nu=0.5) + WhiteKernel(scale * noise)
    model = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None)
    return model.fit(POINTS[:25], SCORES[:25] - mean)


def observed(length: float, noise: float) -> Posterior:
    posterior = Posterior(Hyperparameters((length,), noise), 60)
    for some in ([0], list(range(1, 20)), [20, 21, 22, 23], [24]):  # alone and together
        posterior.observe(some, [DISTANCES[some]], SCORES[some].tolist())
    return posterior


def closed_form(length: float, noise: float) -> tuple[float, float]:
    """The most likely mean and scale, by solving with the whole matrix."""
    inverse = np.linalg.inv(np.exp(-DISTANCES[:25, :25] / length) + noise * np.eye(25))
    mean = float(inverse.sum(axis=0) @ SCORES[:25] / inverse.sum())
    rest = SCORES[:25] - mean
    return mean, float(rest @ inverse @ rest) / 25


@pytest.mark.parametrize(("length", "noise"), [(0.7, 0.1), (3.0, 0.001), (20.0, 1.0)])
def test_posterior_is_that_of_scikit_learn(length: float, noise: float) -> None:
    mean, scale = closed_form(length, noise)
    posterior = observed(length, noise)
    expected, deviation = peer(scale, length, noise, mean).predict(POINTS, return_std=True)
    np.testing.assert_allclose(posterior.mean(), expected + mean, rtol=1e-9, atol=1e-9)
    # Its white kernel adds the noise of a measurement to the variance of a prediction.
    np.testing.assert_allclose(
        posterior.deviation() ** 2, deviation**2 - scale * noise, rtol=1e-6, atol=1e-9
    )


def test_other_hyperparameters_go_on_in_the_same_memory() -> None:
    posterior = observed(3.0, 0.1)
    posterior.restart(Hyperparameters((0.7,), 0.001))
    posterior.observe(list(range(25)), [DISTANCES[:25]], SCORES[:25].tolist())
    fresh = observed(0.7, 0.001)
    np.testing.assert_allclose(posterior.mean(), fresh.mean(), rtol=1e-9)
    np.testing.assert_allclose(posterior.deviation(), fresh.deviation(), rtol=1e-9, atol=1e-12)


def test_a_draw_needs_the_upper_half_of_the_distances_only() -> None:
    posterior, some = observed(1.5, 0.1), np.array([30, 41, 52, 3])
    apart = DISTANCES[np.ix_(some, some)]
    half = np.where(np.tri(4, k=-1), 7.0, apart)
    whole, drawn = (
        posterior.sample(some, [each.copy()], np.random.default_rng(2)) for each in (apart, half)
    )
    np.testing.assert_array_equal(drawn, whole)


def test_what_is_observed_of_a_union_is_its_product() -> None:
    """Two distances, given as rows, against one whose lengths are in it."""
    one, two = DISTANCES, DISTANCES[::-1, ::-1]
    union = Posterior(Hyperparameters((2.0, 3.0), 0.1), 60)
    both = Posterior(Hyperparameters((1.0,), 0.1), 60)
    for some in ([0], [1, 2, 3], [4]):
        scores = SCORES[some].tolist()
        union.observe(some, [list(one[some]), list(two[some])], scores)
        both.observe(some, [one[some] / 2 + two[some] / 3], scores)
    np.testing.assert_allclose(union.mean(), both.mean())
    np.testing.assert_allclose(union.deviation(), both.deviation())


def test_the_choice_on_the_grid_is_the_most_likely_of_scikit_learn() -> None:
    found = most_likely([DISTANCES[:25, :25]], SCORES[:25])

    def likelihood(length: float, noise: float) -> float:
        mean, scale = closed_form(length, noise)
        return float(peer(scale, length, noise, mean).log_marginal_likelihood_value_)

    apart = DISTANCES[:25, :25]
    lengths = np.median(apart[apart > 0]) * 2.0 ** np.arange(-4, 5)
    grid = {(length, noise): likelihood(length, noise) for length in lengths for noise in NOISES}
    assert (found.lengths[0], found.noise) == pytest.approx(max(grid, key=lambda key: grid[key]))


@pytest.mark.parametrize("count", [1, 2, 3, 60])
def test_likelihoods_are_those_of_the_eigenvalues(count: int) -> None:
    """And of one observation, or two: nothing is left to reduce."""
    apart, scores = DISTANCES[:count, :count], SCORES[:count]
    found = most_likely([apart], scores)
    best = (-np.inf, Hyperparameters((0.0,), 0.0))
    positive = apart[apart > 0]
    median = np.median(positive) if count > 1 else 1.0
    for length in median * np.geomspace(1 / 16, 16, 9):
        values, vectors = np.linalg.eigh(np.exp(-apart / length))
        for noise in NOISES:
            y, one, spectrum = scores @ vectors, vectors.sum(axis=0), values + noise
            mean = (y * one / spectrum).sum() / (one * one / spectrum).sum()
            scale = ((y - mean * one) ** 2 / spectrum).mean()
            if count > 1:
                likelihood = -0.5 * (count * np.log(scale) + np.log(spectrum).sum())
                best = max(best, (likelihood, Hyperparameters((length,), noise)))
    if count > 2:  # with fewer, many are as likely
        assert (*found.lengths, found.noise) == pytest.approx((*best[1].lengths, best[1].noise))
    assert found.noise in NOISES


def test_two_distances_are_told_apart() -> None:
    """Scores that follow the first distance and not the second: the second gets the long length."""
    noise = RNG.standard_normal((40, 1))
    useless = np.abs(noise - noise.T)
    found = most_likely([DISTANCES[:40, :40], useless], np.sin(POINTS[:40, 0]))
    assert found.lengths[1] / np.median(useless) > 3 < 16 * np.median(DISTANCES) / found.lengths[0]


def test_equal_scores_are_no_error() -> None:
    found = most_likely([DISTANCES[:5, :5]], np.full(5, 0.1))
    posterior = Posterior(found, 60)
    posterior.observe(list(range(5)), [DISTANCES[:5]], [0.1] * 5)
    np.testing.assert_allclose(posterior.mean(), 0.1)
    np.testing.assert_allclose(posterior.deviation(), 0.0, atol=1e-9)


def test_samples_have_the_mean_and_covariance_of_the_posterior() -> None:
    posterior = observed(1.5, 0.1)
    some = np.array([30, 41, 52, 3])
    rng = np.random.default_rng(1)
    drawn = np.array(
        [posterior.sample(some, [DISTANCES[np.ix_(some, some)]], rng) for _ in range(4000)]
    )
    mean, scale = closed_form(1.5, 0.1)
    model = peer(scale, 1.5, 0.1, mean)
    expected, covariance = model.predict(POINTS[some], return_cov=True)
    covariance -= scale * 0.1 * np.eye(4)
    np.testing.assert_allclose(drawn.mean(axis=0), expected + mean, atol=4.5 * scale / 4000**0.5)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.1 * scale)


def test_correlations_of_a_union_are_products() -> None:
    one, two = DISTANCES[:4, :4], DISTANCES[4:8, 4:8]
    expected = np.exp(-one / 2) * np.exp(-two / 3)
    np.testing.assert_allclose(correlation([one, two], [2.0, 3.0]), expected)


@pytest.mark.parametrize(
    ("metric", "name"), [("euclidean", "euclidean"), ("manhattan", "cityblock")]
)
def test_distances_are_those_of_scipy(metric: str, name: str) -> None:
    part = Part(POINTS, metric)  # type: ignore[arg-type]
    expected = cdist(POINTS, POINTS, name)
    np.testing.assert_allclose(part.distances(7), expected[7], rtol=1e-12)
    some = np.array([5, 9, 2, 40])
    np.testing.assert_allclose(part.between(some), expected[np.ix_(some, some)], atol=1e-7)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.4, 0.2), (1.2, 0.5), (0.9, 0.01)])
def test_expected_improvement_is_the_integral(mean: float, deviation: float) -> None:
    best = 0.8
    expected, _ = quad(
        lambda f: (f - best) * norm.pdf(f, mean, deviation),
        best,
        max(best, mean) + 12 * deviation,
        epsabs=1e-12,
    )
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert found[0] == pytest.approx(expected, abs=1e-9)


def test_improvement_without_doubt_is_that_of_the_mean() -> None:
    found = expected_improvement(np.array([0.2, 1.0]), np.zeros(2), 0.5)
    assert found.tolist() == [0.0, 0.5]
