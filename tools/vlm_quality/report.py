"""The figures as one table, and in a sentence each whether the model can be told from chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ethochat.tools.names import listing
from ethochat.tools.vlm_quality.chance import N_SHUFFLES, AgainstChance
from ethochat.tools.vlm_quality.naming import NamedBehavior
from ethochat.tools.vlm_quality.retrieval import FoundBehavior
from ethochat.tools.vlm_quality.run import VlmQuality
from ethochat.tools.wording import number, some

NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    figure: str
    n: str = ""
    measured: str = ""
    chance: str = ""
    """The same by chance, or of the simplest answer."""


def rows(quality: VlmQuality) -> list[Row]:
    """Write every figure of a table, section by section."""
    return [
        *_naming(quality),
        *_retrieval(quality),
        *_hallucination(quality),
        *_yes_no(quality),
        *_cost(quality),
    ]


def verdicts(quality: VlmQuality) -> list[str]:
    """Say in a line each whether the model can be told from chance."""
    yes_no = quality.yes_no
    named: list[tuple[str, AgainstChance | None, str]] = [
        ("Keywords: macro F1", quality.naming.macro_f1, "no behavior of the truth is shown by a clip"),
        ("Search: mean average precision", quality.retrieval.average_precision, "nothing to rank"),
        (
            "Yes/no: mean accuracy",
            None if yes_no is None else yes_no.accuracy,
            "no behavior has clips with either answer",
        ),
    ]
    if yes_no is not None:
        auc = None if yes_no.calibration is None else yes_no.calibration.auc
        why_not = "the backend gives no probabilities"
        if yes_no.calibration is not None:
            why_not = "no behavior has clips with either answer"
        named.append(("Yes/no: mean AUC of p(yes)", auc, why_not))
    nothing = "" if quality.ruled_out.n_naming else " No keyword means a behavior of the truth."
    lines = [
        f"{name} {_share(found.value)}, shuffled {_band(found)}: {found.verdict}."
        if found is not None
        else f"{name}: {why}."
        for name, found, why in named
    ]
    return [lines[0] + nothing, *lines[1:]]


def head(quality: VlmQuality) -> str:
    """Say what was measured on what."""
    return (
        f"{quality.model}: {some(quality.cost.n_clips, 'clip')} of {some(quality.n_sessions, 'session')}, drawn with seed "
        f"{quality.seed} from {some(quality.n_judged, 'segment')} that {quality.truth} ({quality.truth_kind}) judges; "
        f"shuffled: mean and central 95 % of {N_SHUFFLES} exchanges of the model's words between clips."
    )


# ------------------------------------------------------------------ sections
def _naming(quality: VlmQuality) -> Iterator[Row]:
    for item in quality.naming.behaviors:
        yield Row(figure=_named(item), n=f"{item.n_shown} of {item.n}", measured=_precision(item))
    macro = quality.naming.macro_f1
    yield Row(
        figure="keywords: macro F1",
        n=some(quality.naming.n_scored, "behavior"),
        measured=NOTHING if macro is None else f"F1 {_share(macro.value)}",
        chance="" if macro is None else f"shuffled {_band(macro)}",
    )


def _named(item: NamedBehavior) -> str:
    return f"keywords: {item.behavior}" + (f" (any of {listing(item.covers)})" if item.covers else "")


def _precision(item: NamedBehavior) -> str:
    return f"P {_share(item.precision)}  R {_share(item.recall)}  F1 {_share(item.f1)}  (named {item.n_named} times)"


def _retrieval(quality: VlmQuality) -> Iterator[Row]:
    found = quality.retrieval
    for item in found.behaviors:
        yield Row(figure=f"search: {item.behavior}", n=f"{item.n_shown} of {item.n}", measured=_found(item))
    for name, band in (("mean AP", found.average_precision), ("mean R@10", found.recall)):
        yield Row(
            figure=f"search: {name}",
            n=some(len(found.behaviors), "behavior"),
            measured=NOTHING if band is None else f"{name.split()[1]} {_share(band.value)}",
            chance="" if band is None else f"shuffled {_band(band)}",
        )


def _found(item: FoundBehavior) -> str:
    return f"AP {_share(item.average_precision)}  R@10 {_share(item.recall)}"


def _hallucination(quality: VlmQuality) -> Iterator[Row]:
    found, company = quality.ruled_out, quality.company
    yield Row(
        figure="hallucination: a behavior that is ruled out",
        n=f"{found.n_with} of {found.n}",
        measured=NOTHING
        if found.share is None
        else f"{_share(found.share.value)}  ({found.n_naming} name any behavior)",
        chance="" if found.share is None else f"shuffled {_band(found.share)}",
    )
    for name, n in found.by_behavior.items():
        yield Row(figure=f"hallucination: {name}", n=f"{n} of {found.n}", measured=_share(n / found.n))
    yield Row(
        figure="hallucination: another animal where one is",
        n=f"{company.n_with} of {company.n}",
        measured=_share(company.n_with / company.n) if company.n else NOTHING,
    )


def _yes_no(quality: VlmQuality) -> Iterator[Row]:
    found = quality.yes_no
    if found is None:
        yield Row(figure="yes/no", n="0", measured=NOTHING)
        return
    for name, (n, accuracy) in found.by_behavior.items():
        yield Row(figure=f"yes/no: {name}", n=str(n), measured=f"accuracy {_share(accuracy)}")
    yield Row(
        figure="yes/no: mean accuracy",
        n=str(found.n),
        measured=f"{_value(found.accuracy)}  ({found.n_neither} neither yes nor no)",
        chance=f"always no {_share(found.always_no)}{_shuffled(found.accuracy)}",
    )
    worth = found.calibration
    if worth is None:
        yield Row(figure="yes/no: p(yes)", n="0", measured=NOTHING)
        return
    yield Row(
        figure="yes/no: mean AUC of p(yes)",
        n=str(worth.n),
        measured=_value(worth.auc),
        chance=f"always no 0.50{_shuffled(worth.auc)}",
    )
    for name, value in (
        ("Brier score", worth.brier),
        ("calibration error", worth.expected_calibration_error),
    ):
        yield Row(
            figure=f"yes/no: {name} of p(yes)",
            n=str(worth.n),
            measured=_share(value),
            chance=f"always no {_share(worth.brier_always_no)}",
        )


def _cost(quality: VlmQuality) -> Iterator[Row]:
    cost = quality.cost
    for name, n in (
        ("JSON valid at the first try", cost.first_try),
        ("JSON valid when asked again", cost.repaired),
        ("free text", cost.free_text),
        ("errors", cost.errors),
        ("not come to", cost.not_come_to),
    ):
        yield Row(figure=f"form: {name}", n=f"{n} of {cost.n_clips}", measured=_share(n / cost.n_clips))
    yield Row(
        figure="cost: tokens per clip",
        n=str(cost.n_described),
        measured=f"{_amount(cost.prompt_tokens_per_clip)} read, {_amount(cost.new_tokens_per_clip)} written",
    )
    for name, amount in (("seconds", cost.seconds_per_clip), ("frames", cost.frames_per_clip)):
        yield Row(figure=f"cost: {name} per clip", n=str(cost.n_described), measured=_amount(amount))
    yield Row(
        figure="cost: requests",
        n=str(cost.n_asked + cost.n_before),
        measured=f"{cost.n_asked} asked now, {cost.n_before} answered before",
    )


# ------------------------------------------------------------------ numbers
def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _amount(value: float | None) -> str:
    return "not told" if value is None else number(float(f"{value:.3g}"))


def _value(found: AgainstChance | None) -> str:
    return NOTHING if found is None else _share(found.value)


def _shuffled(found: AgainstChance | None) -> str:
    return "" if found is None else f", shuffled {_band(found)}"


def _band(found: AgainstChance) -> str:
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
