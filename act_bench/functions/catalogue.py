"""The activation functions that the papers name: formula, source, expression.

An expression has no name and no parameters; the literature's functions have both. This catalogue
gives each a short name, so that ``act-bench regenerate crrelu --table cnn`` trains it and
``act-bench show gelu`` finds it. Where the function can be written in the paper's notation it *is*
that expression; the others (those with a learnable parameter, and those with a sine or cosine,
which the 27 operators lack) are computed by :mod:`act_bench.functions.named_numeric` in float64 and
:mod:`act_bench.functions.named_modules` in PyTorch. This module imports the standard library only.

Examples
--------
>>> find("silu").expression
'swish(x)'
>>> find("crrelu").formula, find("crrelu").parameter.initial
('max(x, 0) + eps * x * exp(-x^2 / 2)', 0.01)
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from act_bench.errors import ActBenchError, ExitCode, did_you_mean, excerpt
from act_bench.functions.expression import Expression, ParseError, parse
from act_bench.functions.named import NamedFunction
from act_bench.functions.notation.hints import SHOWN
from act_bench.functions.operators import SWISH_OPERATORS
from act_bench.functions.parameter import Parameter

SOURCES: Final[dict[str, str]] = {
    "barron2017": "Barron, Continuously Differentiable Exponential Linear Units (2017), "
    "arXiv 1704.07483",
    "barron2021": "Barron, Squareplus: A Softplus-Like Algebraic Rectifier (2021), "
    "arXiv 2112.11687",
    "basirat2018": "Basirat and Roth, The Quest for the Golden Activation Function (2018), "
    "arXiv 1808.00783",
    "bingham2023": "Bingham and Miikkulainen, Efficient Activation Function Optimization through "
    "Surrogate Modeling (NeurIPS 2023), arXiv 2301.05785",
    "clevert2016": "Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network Learning "
    "by Exponential Linear Units (ICLR 2016), arXiv 1511.07289",
    "das2025": "Das, Safari, Adriaensen and Hutter, Gompertz Linear Units: Leveraging "
    "Asymmetry for Enhanced Learning Dynamics (NeurIPS 2025), arXiv 2502.03654",
    "fernandez2024": "Fernandez and Mali, TeLU Activation Function for Fast and Stable Deep "
    "Learning (2024), arXiv 2412.20269",
    "he2015": "He, Zhang, Ren and Sun, Delving Deep into Rectifiers (ICCV 2015), arXiv 1502.01852",
    "hendrycks2016": "Hendrycks and Gimpel, Gaussian Error Linear Units (2016), arXiv 1606.08415",
    "howard2019": "Howard et al., Searching for MobileNetV3 (ICCV 2019), arXiv 1905.02244",
    "huang2024": "Huang and Schlag, Deriving Activation Functions Using Integration (2024), "
    "arXiv 2411.13010",
    "klambauer2017": "Klambauer, Unterthiner, Mayr and Hochreiter, Self-Normalizing Neural "
    "Networks (NIPS 2017), arXiv 1706.02515",
    "maas2013": "Maas, Hannun and Ng, Rectifier Nonlinearities Improve Neural Network Acoustic "
    "Models (ICML 2013 workshop)",
    "misra2020": "Misra, Mish: A Self Regularized Non-Monotonic Activation Function (BMVC 2020), "
    "arXiv 1908.08681",
    "nair2010": "Nair and Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines "
    "(ICML 2010)",
    "openai2026": "Submissions to OpenAI's Parameter Golf (2026), "
    "https://github.com/openai/parameter-golf",
    "ramachandran2017": "Ramachandran, Zoph and Le, Searching for Activation Functions (2017), "
    "arXiv 1710.05941",
    "so2021": "So, Manke, Liu, Dai, Shazeer and Le, Primer: Searching for Efficient Transformers "
    "for Language Modeling (NeurIPS 2021), arXiv 2109.08668",
    "sun2024": "Sun et al., A Method on Searching Better Activation Functions (2024), "
    "arXiv 2405.12954",
}
"""Citation key -> citation."""


_FUNCTIONS: Final = (
    # The eight baselines of the benchmark (Bingham and Miikkulainen, Table 1).
    NamedFunction("elu", "ELU", "x if x > 0 else exp(x) - 1", "clevert2016", "elu(x)"),
    NamedFunction("relu", "ReLU", "max(x, 0)", "nair2010", "relu(x)"),
    NamedFunction(
        "selu",
        "SELU",
        "1.0507 * (x if x > 0 else 1.6733 * (exp(x) - 1))",
        "klambauer2017",
        "selu(x)",
    ),
    NamedFunction("sigmoid", "sigmoid", "1 / (1 + exp(-x))", "bingham2023", "sigmoid(x)"),
    NamedFunction("softplus", "Softplus", "log(1 + exp(x))", "bingham2023", "softplus(x)"),
    NamedFunction("softsign", "Softsign", "x / (1 + |x|)", "bingham2023", "softsign(x)"),
    NamedFunction(
        "swish",
        "Swish-1",
        "x / (1 + exp(-x))",
        "ramachandran2017",
        "swish(x)",
        aliases=("silu", "swish_1"),
    ),
    NamedFunction(
        "tanh", "tanh", "(exp(x) - exp(-x)) / (exp(x) + exp(-x))", "bingham2023", "tanh(x)"
    ),
    # The functions that the CoAtNet experiment adds (Table 3).
    NamedFunction(
        "elish",
        "ELiSH",
        "x / (1 + exp(-x)) if x > 0 else (exp(x) - 1) / (1 + exp(-x))",
        "basirat2018",
        "elish(x)",
    ),
    NamedFunction("gelu", "GELU", "x * (1 + erf(x / sqrt(2))) / 2", "hendrycks2016", "gelu(x)"),
    NamedFunction(
        "hard_sigmoid",
        "HardSigmoid",
        "clip(0.2 * x + 0.5, 0, 1)",
        "bingham2023",
        "hard_sigmoid(x)",
        aliases=("hardsigmoid",),
    ),
    NamedFunction(
        "leaky_relu",
        "Leaky ReLU",
        "x if x > 0 else 0.01 * x",
        "maas2013",
        "leakyrelu(x)",
        aliases=("leakyrelu", "lrelu"),
    ),
    NamedFunction("mish", "Mish", "x * tanh(log(1 + exp(x)))", "misra2020", "mish(x)"),
    # Figure 5's others.
    NamedFunction("abs", "abs", "|x|", "bingham2023", "abs(x)"),
    NamedFunction("negative_abs", "-abs", "-|x|", "bingham2023", "negative(abs(x))"),
    NamedFunction(
        "negative_elu", "-ELU", "-x if x > 0 else 1 - exp(x)", "bingham2023", "negative(elu(x))"
    ),
    NamedFunction("negative_tanh", "-tanh", "-tanh(x)", "bingham2023", "negative(tanh(x))"),
    # What AQuaSurF discovered for All-CNN-C, ResNet-56 and MobileViTv2-0.5 (Table 1).
    NamedFunction(
        "hard_sigmoid_twice_elu",
        "HardSigmoid(HardSigmoid(x)) * ELU(x)",
        "hard_sigmoid(hard_sigmoid(x)) * elu(x)",
        "bingham2023",
        "mul(hard_sigmoid(hard_sigmoid(x)),elu(x))",
    ),
    NamedFunction(
        "sigmoid_softsign_elu",
        "sigmoid(Softsign(x)) * ELU(x)",
        "sigmoid(softsign(x)) * elu(x)",
        "bingham2023",
        "mul(sigmoid(softsign(x)),elu(x))",
    ),
    NamedFunction(
        "swish_over_selu_1",
        "Swish(x) / SELU(1)",
        "swish(x) / 1.0507",
        "bingham2023",
        "div(swish(x),selu(one(x)))",
    ),
    NamedFunction(
        "swish_minus_2x",
        "Swish(-2x)",
        "-2 * x / (1 + exp(2 * x))",
        "bingham2023",
        "swish(sub(negative(x),x))",
    ),
    NamedFunction(
        "selu_sinh_exp_arctan",
        "SELU(sinh(exp(arctan(x)) - 1))",
        "selu(sinh(exp(arctan(x)) - 1))",
        "bingham2023",
        "selu(sinh(expm1(arctan(x))))",
    ),
    NamedFunction(
        "x_erfc_elu", "x * erfc(ELU(x))", "x * erfc(elu(x))", "bingham2023", "mul(x,erfc(elu(x)))"
    ),
    NamedFunction(
        "minus_x_sigmoid_hard_sigmoid",
        "-x * sigmoid(x) * HardSigmoid(x)",
        "-x * sigmoid(x) * hard_sigmoid(x)",
        "bingham2023",
        "prod_n(negative(x),sigmoid(x),hard_sigmoid(x))",
    ),
    NamedFunction(
        "elu_swish_minus_x",
        "ELU(Swish(-x))",
        "elu(swish(-x))",
        "bingham2023",
        "elu(swish(negative(x)))",
    ),
    NamedFunction(
        "swish_erfc_bessel_i0e",
        "Swish(x) * erfc(bessel_i0e(x))",
        "swish(x) * erfc(exp(-|x|) * I_0(x))",
        "bingham2023",
        "mul(swish(x),erfc(bessel_i0e(x)))",
    ),
    # What AQuaSurF discovered for CoAtNet (Table 3).
    NamedFunction(
        "erfc_softplus_squared",
        "erfc(Softplus(x))^2",
        "erfc(log(1 + exp(x)))^2",
        "bingham2023",
        "square(erfc(softplus(x)))",
    ),
    NamedFunction(
        "min_softplus_squared_minus_x",
        "min{Softplus(x)^2, -x}",
        "min(log(1 + exp(x))^2, -x)",
        "bingham2023",
        "min(square(softplus(x)),negative(x))",
    ),
    NamedFunction(
        "arcsinh_elu_swish",
        "arcsinh(ELU(Swish(x)))",
        "arcsinh(elu(swish(x)))",
        "bingham2023",
        "arcsinh(elu(swish(x)))",
    ),
    # The eight best of the Swish search (Ramachandran et al., Table 1).
    NamedFunction(
        "swish_beta",
        "Swish",
        "x / (1 + exp(-beta * x))",
        "ramachandran2017",
        parameter=Parameter(
            "beta",
            1.0,
            "channel",
            "one per channel: Ramachandran et al.; initial value: ours, Swish-1, theirs is unknown",
        ),
    ),
    NamedFunction(
        "max_x_sigmoid",
        "max(x, sigmoid(x))",
        "max(x, 1 / (1 + exp(-x)))",
        "ramachandran2017",
        "max(x,sigmoid(x))",
    ),
    NamedFunction("cos_minus_x", "cos(x) - x", "cos(x) - x", "ramachandran2017"),
    NamedFunction("min_x_sin", "min(x, sin(x))", "min(x, sin(x))", "ramachandran2017"),
    NamedFunction(
        "arctan_squared_minus_x",
        "arctan(x)^2 - x",
        "arctan(x)^2 - x",
        "ramachandran2017",
        "sub(square(arctan(x)),x)",
    ),
    NamedFunction(
        "max_x_tanh", "max(x, tanh(x))", "max(x, tanh(x))", "ramachandran2017", "max(x,tanh(x))"
    ),
    # The paper does not say which sinc; the unnormalized one is meant here.
    NamedFunction("sinc_plus_x", "sinc(x) + x", "sin(x) / x + x", "ramachandran2017"),
    NamedFunction(
        "x_arcsinh_squared",
        "x * arcsinh(x)^2",
        "x * arcsinh(x)^2",
        "ramachandran2017",
        "mul(x,square(arcsinh(x)))",
    ),
    # The corrections of ReLU (Sun et al., Tables 1 to 3).
    NamedFunction(
        "crrelu",
        "CRReLU",
        "max(x, 0) + eps * x * exp(-x^2 / 2)",
        "sun2024",
        parameter=Parameter(
            "eps",
            0.01,
            "layer",
            "initial value: Sun et al., Section 4.4; one per layer: Appendix E",
        ),
    ),
    NamedFunction(
        "prelu",
        "PReLU",
        "x if x > 0 else a * x",
        "he2015",
        parameter=Parameter(
            "a", 0.25, "layer", "initial value: He et al.; one per layer: Sun et al., Appendix E"
        ),
    ),
    # Newer proposals, most of them for transformers and language models.
    NamedFunction(
        "hard_swish",
        "HardSwish",
        "x * clip(x + 3, 0, 6) / 6",
        "howard2019",
        aliases=("hardswish", "hard_silu"),
    ),
    NamedFunction("squareplus", "Squareplus", "(x + sqrt(x^2 + 4)) / 2", "barron2021"),
    NamedFunction(
        "relu_squared",
        "ReLU^2",
        "max(x, 0)^2",
        "so2021",
        "mul(relu(x),relu(x))",
        aliases=("squared_relu", "relu2", "relu^2"),
    ),
    NamedFunction(
        "leaky_relu_squared",
        "LeakyReLU(0.5)^2",
        "max(x, x / 2)^2",
        "openai2026",
        "square(max(x,mul(0.5,x)))",
        aliases=("leaky_relu2", "leakyrelu_squared", "leakyrelu^2"),
    ),
    NamedFunction("golu", "GoLU", "x * exp(-exp(-x))", "das2025"),
    NamedFunction("telu", "TeLU", "x * tanh(exp(x))", "fernandez2024"),
    NamedFunction(
        "xielu",
        "xIELU",
        "softplus(a_p) * x^2 + x / 2 if x > 0 else "
        "(softplus(a_n) + 1/2) * (exp(x) - 1 - x) + x / 2",
        "huang2024",
        parameter=Parameter(
            "a_p, a_n",
            (0.2033823208, -1.0502256128),
            "layer",
            "softplus(a_p) and softplus(a_n) + 1/2 start at 0.8, one pair a layer: Huang and "
            "Schlag",
        ),
    ),
    # Barron's alpha is a setting and no learned parameter; at 1, as in Sun et al., CELU is ELU.
    NamedFunction(
        "celu",
        "CELU",
        "x if x > 0 else alpha * (exp(x / alpha) - 1), alpha = 1",
        "barron2017",
        "elu(x)",
    ),
)

CATALOGUE: Final[dict[str, NamedFunction]] = {function.name: function for function in _FUNCTIONS}
"""Name -> function."""

_BY_ALIAS: Final = {
    alias: function for function in _FUNCTIONS for alias in (function.name, *function.aliases)
}


class UnknownFunctionError(ActBenchError, KeyError):
    """A name that the catalogue does not have; its text offers the nearest."""

    exit_code = ExitCode.EXPRESSION


def find(name: str) -> NamedFunction:
    """Return the function called ``name``.

    Parameters
    ----------
    name : str
        A key of :data:`CATALOGUE`, an alias or a title; case, ``-`` and ``_`` do not matter.

    Raises
    ------
    UnknownFunctionError
        There is none; the message offers the nearest names.

    Examples
    --------
    >>> find("Leaky-ReLU").name
    'leaky_relu'
    >>> find("crelu")
    Traceback (most recent call last):
        ...
    act_bench.functions.catalogue.UnknownFunctionError: no function is called 'crelu': did you mean
    'crrelu'...
    """
    key = _key(name)
    if key in _BY_ALIAS:
        return _BY_ALIAS[key]
    hint = did_you_mean(key[: 2 * SHOWN], _BY_ALIAS, count=3) or (
        "act_bench.functions.catalogue.CATALOGUE lists them"
    )
    raise UnknownFunctionError(f"no function is called {excerpt(name)}: {hint}")


def _key(name: str) -> str:
    return str(name).strip().lower().replace("-", "_").replace(" ", "_")


def read(text: str) -> Expression | NamedFunction:
    """Return what a user means by a text: an expression, or a function by its name.

    What is no expression over the operators of the tables is read as one of the Swish space.

    A name whose function is an expression gives that expression, so only the functions that need
    their own modules come back as :class:`NamedFunction`.

    Raises
    ------
    ParseError
        The text is neither; the message is the parser's, and for a lone word offers near names.

    Examples
    --------
    >>> str(read("gelu")), str(read("max(x, relu(x))")), read("crrelu").title
    ('gelu(x)', 'max(x,relu(x))', 'CRReLU')
    """
    # No name is an expression. It comes first: what the parser would say of it takes longer.
    function = _BY_ALIAS.get(_key(text))
    if function is not None:
        return function if function.expression is None else parse(function.expression)
    try:
        return parse(text)
    except ParseError as error:
        with suppress(ParseError):
            return parse(text, SWISH_OPERATORS)
        if not _key(text).isidentifier():
            raise
        try:
            return find(text)
        except UnknownFunctionError as unknown:
            raise ParseError(f"{error.reason}; {unknown}", text, error.position) from None
