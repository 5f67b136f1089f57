"""Noise objects: how one link's observation scatters around its prediction."""

from leopnt.noise.base import AbstractNoise, as_real, from_real
from leopnt.noise.folded import FoldedAmplitude
from leopnt.noise.gaussian import (
    ComplexGaussian,
    ComplexGaussianCovariance,
    Gaussian,
    GaussianCovariance,
)
from leopnt.noise.rician import Rician
from leopnt.noise.student import StudentT

__all__ = [
    "AbstractNoise",
    "ComplexGaussian",
    "ComplexGaussianCovariance",
    "FoldedAmplitude",
    "Gaussian",
    "GaussianCovariance",
    "Rician",
    "StudentT",
    "as_real",
    "from_real",
]
