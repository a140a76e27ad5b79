"""Replays the race of a confirmation on recorded studies, beside a confirmation that gives every candidate all seeds.

The studies of the database must have candidates with at least six seeds each, none of which stopped:
with a worker for each evaluation every candidate gets all its seeds. So record them by
    tune --dataset digits --confirm 3 --confirm-seeds 6 --workers 18 --storage studies.db
Three seeds of each candidate are drawn for the race, again and again. The winners are compared on the other seeds.

    python3 benches/confirmation_race.py studies.db
"""

import json
import random
import sqlite3
import sys

SEEDS, DRAWS = 3, 40


def studies(file):
    """The candidates of each study in the order of its ranking: loss of the trial, losses of the seeds, parameters."""
    database = sqlite3.connect(file)
    for study, kept in database.execute(
            "SELECT study_id, value_json FROM study_system_attributes WHERE key = 'tune:confirmation'"):
        own = dict(database.execute(
            "SELECT number, value FROM trials JOIN trial_values USING (trial_id) WHERE study_id = ? AND objective = 0",
            (study,)))
        sign = -1 if database.execute(
            "SELECT direction FROM study_directions WHERE study_id = ?", (study,)).fetchone()[0] == "MAXIMIZE" else 1
        candidates = [(sign * own[one["trial"]], [sign * repeat["value"] for repeat in one["repeats"]],
                       one["repeats"][0]["attributes"].get("parameters", 1 << 60))
                      for one in json.loads(kept)["candidates"]]
        yield sorted(candidates, key=lambda one: (one[0], one[2]))


def mean(values):
    return round(sum(values) / len(values), 12)


def race(candidates, seeds):
    """The winner by the rule of src/tuner/race.rs, and the number of trainings."""
    losses = [[own] for own, _, _ in candidates]
    while True:
        leader = min(range(len(candidates)), key=lambda at: (mean(losses[at]), candidates[at][2], at))
        done = len(losses[leader]) - 1
        if done == len(seeds):
            trainings = sum(len(one) - 1 for one in losses)
            complete = [at for at in range(len(candidates)) if len(losses[at]) > len(seeds)]
            return best(candidates, seeds, complete), trainings
        losses[leader].append(candidates[leader][1][seeds[done]])


def best(candidates, seeds, among):
    return min(among, key=lambda at: (mean([candidates[at][1][seed] for seed in seeds]), candidates[at][2], at))


def main():
    draw, rows, same, trainings, whole = random.Random(0), [], 0, 0, 0
    for candidates in (one for file in sys.argv[1:] for one in studies(file)):
        count = len(candidates[0][1])
        for _ in range(DRAWS):
            seeds = draw.sample(range(count), SEEDS)
            others = [seed for seed in range(count) if seed not in seeds]
            winner, taken = race(candidates, seeds)
            full = best(candidates, seeds, range(len(candidates)))
            trainings, whole, same = trainings + taken, whole + SEEDS * len(candidates), same + (winner == full)
            rows.append([mean([candidates[at][1][seed] for seed in others]) for at in (winner, full, 0)])
    print(f"{len(rows) // DRAWS} studies: {100 * trainings / whole:.0f} % of the trainings, "
          f"the same winner in {100 * same / len(rows):.0f} %")
    names = ["the race's winner", "the winner by all seeds", "the best trial"]
    for name, column in zip(names, zip(*rows)):
        print(f"mean loss on other seeds of {name}: {sum(column) / len(column):.5f}")


if __name__ == "__main__":
    main()
