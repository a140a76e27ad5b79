"""Evaluates trials of a study beside other workers, as any Optuna script does.

    python3 tests/python/join_study.py URL STUDY TRIALS

It evaluates TRIALS trials. The loss is the sum of the parameters x0, x1, ... in [0, 1]. It prints
the numbers of its trials, one per line.
"""

import sys

import optuna


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, name, trials = sys.argv[1:]
    study = optuna.load_study(study_name=name, storage=url, sampler=optuna.samplers.RandomSampler())
    for _ in range(int(trials)):
        trial = study.ask()
        loss = sum(trial.suggest_float(f"x{index}", 0, 1) for index in range(2))
        trial.report(loss, 1)
        study.tell(trial, loss)
        print(trial.number, flush=True)


if __name__ == "__main__":
    main()
