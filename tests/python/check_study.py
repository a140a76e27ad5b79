"""Reads a study with Optuna and adds trials to it.

    python3 tests/python/check_study.py URL|JOURNAL STUDY

It prints one JSON object with everything that Optuna reads of the study. Then it adds a complete
trial, a pruned one and an enqueued one. NaN and infinities are printed as "nan", "inf" and "-inf".
"""

import json
import math
import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def spell(value):
    """`value` as JSON without NaN and infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {str(key): spell(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [spell(inner) for inner in value]
    return value


def describe(trial):
    return {
        "number": trial.number,
        "state": trial.state.name,
        "params": list(map(list, trial.params.items())),
        "distributions": {
            name: json.loads(optuna.distributions.distribution_to_json(distribution))
            for name, distribution in trial.distributions.items()
        },
        "values": trial.values,
        "intermediate": trial.intermediate_values,
        "constraints": trial.system_attrs.get("constraints"),
        "user": trial.user_attrs,
        # These two belong to the storage: they tell who has claimed a trial.
        "system": {
            name: value
            for name, value in trial.system_attrs.items()
            if name.startswith("tune:") and name not in ("tune:receipt", "tune:led")
        },
        "started": str(trial.datetime_start) if trial.datetime_start else None,
        "finished": str(trial.datetime_complete) if trial.datetime_complete else None,
    }


def proceed(study):
    """Adds trials in the states that Optuna alone writes, or writes in its own way."""
    distributions = study.trials[0].distributions
    trial = study.ask(distributions)
    trial.set_user_attr("note", float("nan"))
    study.tell(trial, [0.25] * len(study.directions))
    if len(study.directions) == 1:
        trial = study.ask(distributions)
        trial.report(0.125, 1)
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    study.enqueue_trial({"rate": 0.05, "layers": 3})


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, name = sys.argv[1:]
    storage = url if "://" in url else JournalStorage(JournalFileBackend(url))
    study = optuna.load_study(study_name=name, storage=storage)
    seen = {
        "optuna": optuna.__version__,
        "metrics": study.metric_names,
        "directions": [direction.name for direction in study.directions],
        "user": study.user_attrs,
        "trials": [describe(trial) for trial in study.get_trials()],
        "best": [trial.number for trial in study.best_trials],
    }
    json.dump(spell(seen), sys.stdout, allow_nan=False)
    # `ask` returns waiting trials first.
    while any(trial.state == optuna.trial.TrialState.WAITING for trial in study.get_trials()):
        study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    proceed(study)


if __name__ == "__main__":
    main()
