"""Draws every plot of Optuna for a study, and adds trials to it.

    python3 tests/python/plot_study.py URL STUDY

It calls every `optuna.visualization.plot_*` that takes the study's number of objectives. It calls both
importance evaluators that need no more than scikit-learn. Then it samples new trials.

It prints one JSON object: Optuna's version, the names of the plots, the plots left out if torch is
missing, the parameter names by each evaluator, and the numbers of the new trials.
"""

import importlib.util
import json
import math
import sys

import optuna
import optuna.visualization as visualization
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from optuna.trial import TrialState

NEW_TRIALS = 3
MOST_PARAMETERS = 4
OF_PARAMETERS = {"plot_contour", "plot_parallel_coordinate", "plot_rank", "plot_slice"}
OF_SEVERAL = {"plot_pareto_front", "plot_hypervolume_history"}
OF_ONE = {"plot_intermediate_values", "plot_terminator_improvement"}
NEEDS_TORCH = {"plot_terminator_improvement"}


def arguments(name, study):
    """The arguments of a plot beside the study."""
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    if name == "plot_hypervolume_history":
        worst = [max(values) for values in zip(*(trial.values for trial in complete), strict=True)]
        best = [min(values) for values in zip(*(trial.values for trial in complete), strict=True)]
        signs = [1 if direction.name == "MINIMIZE" else -1 for direction in study.directions]
        return {"reference_point": [w if sign > 0 else b for w, b, sign in zip(worst, best, signs, strict=True)]}
    given = {}
    if name in OF_PARAMETERS:
        # Optuna 4.9 draws no lines for parameters that are inactive in some trial, and pairs of all
        # parameters take minutes.
        shared = set.intersection(*(set(trial.params) for trial in complete))
        given["params"] = sorted(shared)[:MOST_PARAMETERS]
    if len(study.directions) > 1 and name not in OF_SEVERAL | {"plot_timeline"}:
        given |= {"target": lambda trial: trial.values[0], "target_name": study.metric_names[0]}
    return given


def fitting(study):
    """The names of the plots for the study's number of objectives."""
    names = {name for name in dir(visualization) if name.startswith("plot_")}
    return names - (OF_ONE if len(study.directions) > 1 else OF_SEVERAL)


def draw(study, names):
    for name in names:
        plotted = [study] if name == "plot_edf" else study
        figure = getattr(visualization, name)(plotted, **arguments(name, study))
        if not figure.data:
            raise SystemExit(f"{name}: an empty figure")
        figure.to_json()
    return sorted(names)


def importances(study):
    target = (lambda trial: trial.values[0]) if len(study.directions) > 1 else None
    found = {}
    for evaluator in (FanovaImportanceEvaluator(seed=0), PedAnovaImportanceEvaluator()):
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator, target=target)
        if not all(math.isfinite(share) for share in shares.values()):
            raise SystemExit(f"{evaluator}: {shares}")
        found[type(evaluator).__name__] = sorted(shares)
    return found


def proceed(study):
    """Trials suggested by Optuna's own sampler from all earlier ones."""
    distributions = next(trial for trial in study.trials if trial.state == TrialState.COMPLETE).distributions
    numbers = []
    for _ in range(NEW_TRIALS):
        trial = study.ask(distributions)
        study.tell(trial, [0.5] * len(study.directions))
        numbers.append(trial.number)
    return numbers


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, name = sys.argv[1:]
    study = optuna.load_study(study_name=name, storage=url, sampler=optuna.samplers.TPESampler(seed=0))
    left_out = set() if importlib.util.find_spec("torch") else NEEDS_TORCH & fitting(study)
    seen = {
        "optuna": optuna.__version__,
        "plots": draw(study, fitting(study) - left_out),
        "left_out": sorted(left_out),
        "importances": importances(study),
        "new": proceed(study),
    }
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
