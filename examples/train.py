"""A training script for `tune run`, with Python's standard library alone.

    tune run --command 'python3 train.py' --space train.json --metric loss:minimize --budget 20

It trains a network with one hidden layer to tell two half moons apart. It reads one line of JSON
with the parameters and a seed, prints a line after each epoch, and prints its result last. With
`--fidelity asha --steps 27` or `--fidelity bayes --steps 27` it pauses and continues: it keeps its
weights in the folder that the line names.
"""

import json
import math
import pathlib
import random
import sys

EPOCHS = 27


def moons(count, stream):
    """Samples (x, y, label) of two half moons with noise; labels are 0 and 1."""
    samples = []
    for number in range(count):
        label, angle = number % 2, math.pi * stream.random()
        x, y = math.cos(angle), math.sin(angle)
        if label:
            x, y = 1 - x, 0.5 - y
        samples.append((x + stream.gauss(0, 0.2), y + stream.gauss(0, 0.2), label))
    return samples


def outputs(weights, x, y):
    """What the hidden neurons send, and the probability of label 1."""
    hidden = [math.tanh(a * x + b * y + c) for a, b, c, _ in weights["hidden"]]
    total = weights["bias"] + sum(out * row[3] for out, row in zip(hidden, weights["hidden"]))
    return hidden, 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def learn(weights, samples, rate, decay):
    """One epoch of stochastic gradient descent on the cross-entropy."""
    for x, y, label in samples:
        hidden, probability = outputs(weights, x, y)
        error = probability - label
        weights["bias"] -= rate * error
        for out, row in zip(hidden, weights["hidden"]):
            slope = error * row[3] * (1 - out * out)
            for at, gradient in enumerate((slope * x, slope * y, slope, error * out)):
                row[at] -= rate * (gradient + decay * row[at])


def loss(weights, samples):
    """The mean cross-entropy."""
    total = 0.0
    for x, y, label in samples:
        probability = outputs(weights, x, y)[1]
        total -= math.log(max(probability if label else 1 - probability, 1e-12))
    return total / len(samples)


def main():
    request = json.loads(sys.stdin.readline())
    parameters, stream = request["parameters"], random.Random(request["seed"])
    data = random.Random(0)
    training, validation = moons(120, data), moons(120, data)

    # With --fidelity: the weights of the last pause, and the epoch at which this segment ends.
    folder, first, last = request.get("checkpoint_dir"), 0, request.get("until", EPOCHS)
    checkpoint = pathlib.Path(folder, "weights.json") if folder else None
    weights = {"bias": 0.0, "hidden": [[stream.gauss(0, 1) for _ in range(4)] for _ in range(parameters["width"])]}
    if checkpoint and checkpoint.exists():
        first, weights = json.loads(checkpoint.read_text())

    for epoch in range(first, last):
        # The order of the samples depends on the epoch alone, so a resumed trial is an uninterrupted one.
        order = random.Random(f"{request['seed']} {epoch}").sample(training, len(training))
        learn(weights, order, parameters["rate"], parameters["decay"])
        if checkpoint:
            checkpoint.write_text(json.dumps([epoch + 1, weights]))
        print(json.dumps({"step": epoch + 1, "value": loss(weights, validation)}), flush=True)
    if last == EPOCHS:
        print(json.dumps({"value": loss(weights, validation), "attributes": {"weights": 4 * parameters["width"] + 1}}))


if __name__ == "__main__":
    main()
