"""What a protected model may be to stand in a detector's graph: small, cheap, and of what a detector may hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from guard.detectors.onnx_file import OPERATORS
from guard.training.extras import require
from guard.training.graph.nodes import ML_OPSET

__all__ = [
    "MOST_BYTES",
    "MOST_NODES",
    "MOST_WEIGHTS",
    "NotEmbeddable",
    "check_domains",
    "check_operators",
    "check_size",
]

# Measured on a 2-core machine, one row, an empty session (5 us) included: 100 trees of 6,000 rows, 3 MB, 26 us; 500,
# 15 MB, 225 us; a network of 56,000 weights 11 us, of 177,000 20 us; support vectors of 117,000 numbers 72 us.
MOST_BYTES = 4 * 2**20
"""Of the part that leads to the class."""

MOST_NODES = 64
"""Each costs a row a third of a microsecond or more."""

MOST_WEIGHTS = 2**17
"""That a row is multiplied with: trees, of which a row visits a few nodes, don't count."""

# A kernel costs about that many multiplications for each number of a support vector.
KERNEL_COST = 8

ML_DOMAIN = "ai.onnx.ml"
DOMAINS = ("", "ai.onnx", ML_DOMAIN)

# In which every weight takes part in each row, and what each costs.
DENSE = {"LinearClassifier": 1, "LinearRegressor": 1, "SVMClassifier": KERNEL_COST, "SVMRegressor": KERNEL_COST}

# Version 3 gave them further attributes, and what they had means the same.
COMPATIBLE = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})


class NotEmbeddable(Exception):
    """Why a model can't stand in a detector's graph; a part of a sentence, after "it"."""


def check_domains(proto: Any) -> None:
    """Raise NotEmbeddable for subgraphs, and what can't be brought to the detector's operator sets."""
    schemas, versions = require("onnx.defs"), {used.domain: used.version for used in proto.opset_import}
    for node in proto.graph.node:
        if node.domain not in DOMAINS:
            raise NotEmbeddable(f"has the operator {node.op_type} of the domain {node.domain!r}")
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise NotEmbeddable(f"has a subgraph ({node.op_type})")
        if node.domain != ML_DOMAIN:
            continue
        version = versions.get(ML_DOMAIN, ML_OPSET)
        try:
            since = schemas.get_schema(node.op_type, version, ML_DOMAIN).since_version
            same = since == schemas.get_schema(node.op_type, ML_OPSET, ML_DOMAIN).since_version
        except schemas.SchemaError:
            raise NotEmbeddable(f"has {node.op_type}, which is unknown") from None
        if not same and (version > ML_OPSET or node.op_type not in COMPATIBLE):
            raise NotEmbeddable(f"has {node.op_type} of version {version}, where detectors have {ML_OPSET}")


def check_size(graph: Any) -> None:
    """Raise NotEmbeddable for more than MOST_BYTES, MOST_NODES or MOST_WEIGHTS."""
    for what, found, most in (
        ("bytes", graph.ByteSize(), MOST_BYTES),
        ("nodes", sum(node.op_type != "Constant" for node in graph.node), MOST_NODES),
        ("weights to multiply with", _weights(graph), MOST_WEIGHTS),
    ):
        if found > most:
            raise NotEmbeddable(f"has {found:,} {what}, of which a detector may hold {most:,}")


def _weights(graph: Any) -> int:
    constants = sum(int(np.prod(kept.dims)) for kept in graph.initializer)
    return constants + sum(
        DENSE.get(node.op_type, 0) * len(attribute.floats) for node in graph.node for attribute in node.attribute
    )


def check_operators(graph: Any) -> None:
    """Raise NotEmbeddable for what would not be let in when the detector is loaded."""
    for node in graph.node:
        if node.op_type.encode() not in OPERATORS:
            raise NotEmbeddable(f"has the operator {node.op_type}, which detectors don't have")
        if any(attribute.HasField("t") or attribute.tensors for attribute in node.attribute):
            raise NotEmbeddable(f"has a tensor among the attributes of {node.op_type}")
    if any(kept.string_data for kept in graph.initializer):
        raise NotEmbeddable("computes with texts")
