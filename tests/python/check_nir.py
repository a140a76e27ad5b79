"""Reads a NIR file, prints its graph as JSON, and writes it again.

    python tests/python/check_nir.py IN OUT
"""

import json
import sys

import nir
import numpy as np


def plain(value):
    """Arrays as lists, so that they can be printed."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def main():
    graph = nir.read(sys.argv[1])
    nodes = {name: plain(node.to_dict()) for name, node in graph.nodes.items()}
    printed = {
        "version": nir.serialization.read_version(sys.argv[1]),
        "nodes": nodes,
        "edges": sorted(graph.edges),
        "metadata": plain(graph.metadata),
    }
    json.dump(printed, sys.stdout)
    nir.write(sys.argv[2], graph)


if __name__ == "__main__":
    main()
