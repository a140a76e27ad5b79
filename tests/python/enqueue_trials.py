"""Enqueues trials with Optuna, or prints what Optuna reads of a study.

    python3 tests/python/enqueue_trials.py URL STUDY JSON...

Each JSON is an object of parameters. Without one it prints a JSON object: for each trial its state,
parameters and values, and the parameters of the best trial.
"""

import json
import sys

import optuna


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, name, *enqueued = sys.argv[1:]
    study = optuna.load_study(study_name=name, storage=url)
    for parameters in enqueued:
        study.enqueue_trial(json.loads(parameters))
    if not enqueued:
        trials = [[trial.state.name, trial.params, trial.values] for trial in study.trials]
        print(json.dumps({"trials": trials, "best": study.best_params}))


if __name__ == "__main__":
    main()
