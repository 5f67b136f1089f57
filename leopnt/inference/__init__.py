"""Estimate, bound and check: generic over any model written for one link."""

from leopnt.inference.batch import batch_map, batch_stream
from leopnt.inference.closed_form import BancroftRoots, bancroft
from leopnt.inference.consider import consider_covariance
from leopnt.inference.consistency import (
    ChiSquare,
    ResidualCheck,
    Snooped,
    check_residuals,
    chi_square,
    data_snooping,
)
from leopnt.inference.fisher import (
    Information,
    dilution,
    fisher_information,
    information_of_rows,
)
from leopnt.inference.least_squares import (
    Estimate,
    FisherScoring,
    GaussNewton,
    LevenbergMarquardt,
    solve,
)
from leopnt.inference.losses import Cauchy, Huber
from leopnt.inference.misspecified import (
    MisspecifiedBound,
    misspecified_bound,
    misspecified_bound_from_draws,
)
from leopnt.inference.model import Data, Model, nll, predict, simulate
from leopnt.inference.parameters import Unknowns, parameter
from leopnt.inference.priors import FunctionPrior, GaussianCovariancePrior, GaussianPrior
from leopnt.inference.status import Status, count_statuses

__all__ = [
    "BancroftRoots",
    "Cauchy",
    "ChiSquare",
    "Data",
    "Estimate",
    "FisherScoring",
    "FunctionPrior",
    "GaussNewton",
    "GaussianCovariancePrior",
    "GaussianPrior",
    "Huber",
    "Information",
    "LevenbergMarquardt",
    "MisspecifiedBound",
    "Model",
    "ResidualCheck",
    "Snooped",
    "Status",
    "Unknowns",
    "bancroft",
    "batch_map",
    "batch_stream",
    "check_residuals",
    "chi_square",
    "consider_covariance",
    "count_statuses",
    "data_snooping",
    "dilution",
    "fisher_information",
    "information_of_rows",
    "misspecified_bound",
    "misspecified_bound_from_draws",
    "nll",
    "parameter",
    "predict",
    "simulate",
    "solve",
]
