"""Linear mixed models by restricted maximum likelihood, with tests that hold for few animals.

statsmodels' ``MixedLM`` gives the same estimates (the test suite holds them equal) but only Wald z tests, which
reject too often with few animals, and stops at a variance of zero with convergence warnings. Here the variance
components enter linearly, ``V = sum_k theta_k G_k``, so that Fisher's scoring needs a few lines of linear algebra,
and the expected information it uses is what the small-sample tests of Kenward and Roger need.

References
----------
Searle, Casella, McCulloch (1992), Variance Components, ch. 6 (REML, scoring).
Kenward, Roger (1997), Small sample inference for fixed effects from restricted maximum likelihood, Biometrics 53.
Halekoh, Højsgaard (2014), A Kenward-Roger approximation … the R package pbkrtest, J. Stat. Software 59(9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.statistics.results import Vector

Matrix = Vector
_Mask = NDArray[np.bool_]
_MAX_STEPS: Final = 200
_MAX_HALVINGS: Final = 40
_TOLERANCE: Final = 1e-16


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Rows by animal, padded to the same number of rows; a padded row holds zeros."""

    y: Vector
    """Shape ``(n_animals, m)``."""
    x: Matrix
    """Shape ``(n_animals, m, p)``."""
    parts: Matrix
    """Shape ``(n_components, n_animals, m, m)``: the matrices G, the residual's identity first."""
    padding: Matrix
    """Shape ``(n_animals, m, m)``: ones on the diagonal of padded rows, which keeps V regular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Estimates of a mixed model and what its tests need."""

    theta: Vector
    """Variance components, shape ``(n_components,)``, the residual's first."""
    beta: Vector
    """Coefficients, shape ``(p,)``."""
    covariance: Matrix
    """Of ``beta`` as if the components were known, shape ``(p, p)``."""
    adjusted: Matrix
    """Of ``beta`` as Kenward and Roger correct it, shape ``(p, p)``."""
    derivatives: Matrix
    """Their P_k, shape ``(n_components, p, p)``."""
    of_theta: Matrix
    """Covariance of ``theta``: the inverse of the expected information."""
    residuals: Vector
    """Shape ``(n_animals, m)``: ``y - X beta``."""
    inverse: Matrix
    """Of V, shape ``(n_animals, m, m)``."""
    bounded: bool
    """Whether components below zero were held at zero."""


class NotConvergedError(Exception):
    """Scoring found no maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    theta: Vector
    likelihood: float
    beta: Vector
    covariance: Matrix
    inverse: Matrix
    weighted: Matrix
    """``V^-1 X``."""
    residuals: Vector


def fit_reml(blocks: Blocks, *, bounded: bool) -> Fit:
    """Estimate a mixed model.

    Parameters
    ----------
    bounded
        Hold components below zero at zero. Without it they may come out below zero as long as V stays positive
        definite: sessions of one animal can be less alike than those of different animals, and holding the component
        at zero would then make the tests of sessions too small (Stroup 2013, Generalized Linear Mixed Models, 6.4). In
        complete balanced designs this makes every test that of the repeated-measures or split-plot ANOVA; in others with
        several components the likelihood can rise without end towards a singular V. Where no maximum is
        found without bounds, there are bounds.

    Raises
    ------
    NotConvergedError
        When scoring finds no maximum.
    """
    if not bounded:
        try:
            return _finish(blocks, _score(blocks, np.ones(blocks.parts.shape[0], dtype=bool)), bounded=False)
        except NotConvergedError:
            pass
    return _finish(blocks, _bounded(blocks), bounded=True)


def _bounded(blocks: Blocks) -> _State:
    """Let in one component after another as long as the likelihood rises; what comes out negative is held at zero."""
    free = np.zeros(blocks.parts.shape[0], dtype=bool)
    free[0] = True
    best = _score(blocks, free)
    for component in [
        *range(1, free.size)
    ] * 2:  # twice, since one that was no use alone can be beside another
        if free[component]:
            continue
        trial = free.copy()
        trial[component] = True
        found = _not_negative(blocks, trial)
        if found is not None and found.likelihood > best.likelihood:
            best, free = found, trial
    return best


def _not_negative(blocks: Blocks, free: _Mask) -> _State | None:
    """Estimate the free components, holding the most negative one at zero, in ``free`` too, until none is."""
    while True:
        try:
            state = _score(blocks, free)
        except NotConvergedError:
            return None
        if not np.any(state.theta < 0.0):
            return state
        free[int(np.argmin(state.theta))] = False


def _score(blocks: Blocks, free: _Mask) -> _State:
    """Fisher's scoring with step halving, from independent rows."""
    theta = np.zeros(blocks.parts.shape[0])
    theta[0] = _residual_variance(blocks)
    state = _evaluate(blocks, theta)
    if state is None:
        raise NotConvergedError
    for _ in range(_MAX_STEPS):
        score, information = _gradient(blocks, state)
        step = np.zeros_like(theta)
        try:
            step[free] = np.linalg.solve(information[np.ix_(free, free)], score[free])
        except np.linalg.LinAlgError as exc:
            raise NotConvergedError from exc
        gain = float(step @ score)
        if gain < _TOLERANCE:
            return state
        state = _advance(blocks, state, step)
    raise NotConvergedError


def _advance(blocks: Blocks, state: _State, step: Vector) -> _State:
    for halving in range(_MAX_HALVINGS):
        trial = _evaluate(blocks, state.theta + step * 0.5**halving)
        if trial is not None and trial.likelihood >= state.likelihood - 1e-10 * abs(state.likelihood) - 1e-12:
            return trial
    raise NotConvergedError


def _residual_variance(blocks: Blocks) -> float:
    x = blocks.x.reshape(-1, blocks.x.shape[2])
    y = blocks.y.reshape(-1)
    n = round(float(np.trace(blocks.parts[0].sum(axis=0))))
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    return float(np.sum((y - x @ beta) ** 2)) / (n - x.shape[1])


def _evaluate(blocks: Blocks, theta: Vector) -> _State | None:
    """Restricted log-likelihood and estimates; ``None`` where V is not positive definite."""
    v = np.tensordot(theta, blocks.parts, axes=1) + blocks.padding
    try:
        root = np.linalg.cholesky(v)
        inverse = np.asarray(np.linalg.inv(v), dtype=np.float64)
        weighted = inverse @ blocks.x
        precision = np.einsum("nmp,nmq->pq", blocks.x, weighted)
        covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
        sign, log_precision = np.linalg.slogdet(precision)
    except np.linalg.LinAlgError:
        return None
    if sign <= 0 or not np.all(np.isfinite(covariance)):
        return None
    beta = covariance @ np.einsum("nmp,nm->p", weighted, blocks.y)
    residuals = blocks.y - blocks.x @ beta
    log_v = 2.0 * float(np.sum(np.log(np.diagonal(root, axis1=1, axis2=2))))
    fit = float(np.einsum("nm,nml,nl->", residuals, inverse, residuals))
    return _State(
        theta=theta,
        likelihood=-0.5 * (log_v + float(log_precision) + fit),
        beta=beta,
        covariance=covariance,
        inverse=inverse,
        weighted=weighted,
        residuals=residuals,
    )


def _products(blocks: Blocks, state: _State) -> tuple[Matrix, Matrix, Matrix]:
    """``V^-1 G_k``, the P_k and the Q_kl of Kenward and Roger."""
    vg = state.inverse[None] @ blocks.parts
    gw = blocks.parts @ state.weighted[None]
    p = -np.einsum("nmp,knmq->kpq", state.weighted, gw)
    q = np.einsum("knmp,nml,jnlq->kjpq", gw, state.inverse, gw, optimize=True)
    return vg, p, q


def _gradient(blocks: Blocks, state: _State) -> tuple[Vector, Matrix]:
    """Score and expected information of the components (Searle et al., 6.4 and 6.6)."""
    vg, p, q = _products(blocks, state)
    phi = state.covariance
    traces = np.einsum("knmm->k", vg) + np.einsum("pq,kqp->k", phi, p)
    vr = np.einsum("nml,nl->nm", state.inverse, state.residuals)
    score = 0.5 * (np.einsum("nm,knml,nl->k", vr, blocks.parts, vr, optimize=True) - traces)
    phi_p = phi @ p
    information = 0.5 * (
        np.einsum("knml,jnlm->kj", vg, vg, optimize=True)
        - 2.0 * np.einsum("pq,kjqp->kj", phi, q)
        + np.einsum("kpq,jqp->kj", phi_p, phi_p)
    )
    return score, information


def _finish(blocks: Blocks, state: _State, *, bounded: bool) -> Fit:
    """Covariance of the coefficients with the components' own uncertainty (Kenward and Roger, eq. 3)."""
    _, p, q = _products(blocks, state)
    _, information = _gradient(blocks, state)
    phi = state.covariance
    try:
        of_theta = np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError as exc:
        raise NotConvergedError from exc
    inner = np.einsum("kj,kjpq->pq", of_theta, q - np.einsum("kpq,qr,jrs->kjps", p, phi, p, optimize=True))
    adjusted = phi + 2.0 * phi @ inner @ phi
    return Fit(
        theta=state.theta,
        beta=state.beta,
        covariance=phi,
        adjusted=adjusted,
        derivatives=p,
        of_theta=of_theta,
        residuals=state.residuals,
        inverse=state.inverse,
        bounded=bounded,
    )


# ----------------------------------------------------------------- tests
@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """An F test of a hypothesis about the coefficients."""

    f: float
    df_num: float
    df_den: float


def kenward_roger(fit: Fit, hypothesis: Matrix) -> Tested | None:
    """Test ``L beta = 0`` by Kenward and Roger's scaled F.

    Parameters
    ----------
    hypothesis
        L, shape ``(q, p)``, of full row rank.

    Returns
    -------
    Tested
        ``None`` where the estimates leave no finite test.
    """
    q = hypothesis.shape[0]
    estimate = hypothesis @ fit.beta
    try:
        f = float(estimate @ np.linalg.solve(hypothesis @ fit.adjusted @ hypothesis.T, estimate)) / q
        theta = hypothesis.T @ np.linalg.solve(hypothesis @ fit.covariance @ hypothesis.T, hypothesis)
    except np.linalg.LinAlgError:
        return None
    scaled = np.einsum(
        "pq,qr,krs,st->kpt", theta, fit.covariance, fit.derivatives, fit.covariance, optimize=True
    )
    a1 = float(np.einsum("kj,k,j->", fit.of_theta, *(2 * [np.einsum("kpp->k", scaled)])))
    a2 = float(np.einsum("kj,kpq,jqp->", fit.of_theta, scaled, scaled, optimize=True))
    found = _scaling(a1, a2, q)
    if found is None or not math.isfinite(f) or f < 0.0:
        return None
    scale, df = found
    return Tested(f=f * scale, df_num=float(q), df_den=df)


def _scaling(a1: float, a2: float, q: int) -> tuple[float, float] | None:
    """Scale and denominator degrees of freedom (Kenward and Roger 1997, section 3; Halekoh and Højsgaard 2014, A.3).

    With one numerator degree of freedom the scale is 1 and this is Satterthwaite's df. Below about 2.5 degrees of
    freedom the F distribution has hardly a mean, which the scale matches; ``2 q / A2`` is then used, to which the
    general formula comes in every balanced design.
    """
    if not (math.isfinite(a1) and math.isfinite(a2)) or a2 <= 0.0:
        return None
    if q == 1 or a2 / q > 0.8:
        return 1.0, 2.0 * q / a2
    b = (a1 + 6.0 * a2) / (2.0 * q)
    g = ((q + 1.0) * a1 - (q + 4.0) * a2) / ((q + 2.0) * a2)
    bottom = 3.0 * q + 2.0 * (1.0 - g)
    c1, c2, c3 = g / bottom, (q - g) / bottom, (q + 2.0 - g) / bottom
    v0, v1, v2 = 1.0 + c1 * b, 1.0 - c2 * b, 1.0 - c3 * b
    v0 = 0.0 if abs(v0) < 1e-10 else v0
    if v1 == 0.0 or v2 == 0.0:
        return 1.0, 2.0 * q / a2
    rho = ((1.0 - a2 / q) / v1) ** 2 * v0 / v2 / q
    if q * rho <= 1.0:
        return 1.0, 2.0 * q / a2
    df = 4.0 + (q + 2.0) / (q * rho - 1.0)
    if df <= 2.0:
        return 1.0, 2.0 * q / a2
    return df * (1.0 - a2 / q) / (df - 2.0), df


def told_apart(blocks: Blocks) -> list[int]:
    """Which variance components the data can tell apart, in the order of preference given.

    Returns
    -------
    list of int
        Components whose information, given that of those before, is not nothing.

    Raises
    ------
    NotConvergedError
        When the columns of the design depend on each other.
    """
    theta = np.zeros(blocks.parts.shape[0])
    theta[0] = 1.0
    state = _evaluate(blocks, theta)
    if state is None:
        raise NotConvergedError
    _, information = _gradient(blocks, state)
    kept: list[int] = []
    for place in range(theta.size):
        own = float(information[place, place])
        left = own
        if kept:
            shared = information[np.ix_(kept, [place])][:, 0]
            left -= float(shared @ np.linalg.solve(information[np.ix_(kept, kept)], shared))
        if left > 1e-9 * own > 0.0:
            kept.append(place)
    return kept
