"""Prints images per second of a binary network in snnTorch and in PyTorch, one line of JSON each.

    pip install snntorch==1.0.0 torch numpy
    python simulate_snntorch.py [--rounds 3] [--threads 1]

The network has 784-512-512-100 neurons and runs one step from rest, on 10,000 random images with 15 %
of the pixels on. The threshold of each layer lets 15 % of its neurons fire. In snnTorch they are
Leaky neurons without memory or reset.

Images are prepared as 32-bit floats and run in batches of 128, 512 and 2048. The fastest round of the
fastest batch counts. With one thread times are CPU seconds, with more they are wall seconds.
"""

import argparse
import json
import time
from importlib.metadata import version

import torch
from snntorch import Leaky

WIDTHS = [784, 512, 512, 100]
IMAGES, ACTIVITY = 10_000, 0.15
BATCHES = [128, 512, 2048]


class Net:
    """Weights, and thresholds that let the wanted share of neurons fire."""

    def __init__(self):
        torch.manual_seed(1)
        self.images = (torch.rand(IMAGES, WIDTHS[0]) < ACTIVITY).float()
        self.layers, self.activity = [], [self.images.mean().item()]
        values = self.images
        for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
            linear = torch.nn.Linear(inputs, outputs, bias=False)
            torch.nn.init.normal_(linear.weight)
            potentials = linear(values)
            threshold = potentials[:500].flatten().kthvalue(int(potentials[:500].numel() * (1 - ACTIVITY)))[0].item()
            values = (potentials > threshold).float()
            self.layers.append((linear, threshold))
            self.activity.append(values.mean().item())
        self.expected = values


class SnnTorch:
    name, package = "snntorch", "snntorch"

    def __init__(self, layers):
        neuron = lambda threshold: Leaky(beta=0.0, threshold=threshold, reset_mechanism="none")
        self.layers = [(linear, neuron(threshold)) for linear, threshold in layers]

    def run(self, values):
        for linear, neuron in self.layers:
            values, _ = neuron(linear(values), neuron.reset_mem())
        return values


class Plain:
    name, package = "pytorch", "torch"

    def __init__(self, layers):
        self.layers = layers

    def run(self, values):
        for linear, threshold in self.layers:
            values = (linear(values) > threshold).float()
        return values


def measure(program, net, rounds):
    model = program(net.layers)
    assert (model.run(net.images[:500]) == net.expected[:500]).float().mean() > 0.999
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    best = {}
    for batch in BATCHES:
        for _ in range(rounds):
            started = clock()
            for chunk in net.images.split(batch):
                model.run(chunk)
            best[batch] = min(best.get(batch, float("inf")), clock() - started)
    batch = min(best, key=best.get)
    return {
        "program": program.name,
        "version": version(program.package),
        "threads": torch.get_num_threads(),
        "images": IMAGES,
        "batch": batch,
        "images_per_second": IMAGES / best[batch],
        "activity": [round(share, 4) for share in net.activity],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        net = Net()
        for program in (SnnTorch, Plain):
            print(json.dumps(measure(program, net, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
