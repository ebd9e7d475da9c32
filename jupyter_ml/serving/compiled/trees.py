"""Tree ensembles as one ONNX operator, in the precision in which the library itself computes.

treelite reads the models of scikit-learn, XGBoost and LightGBM into one form; from there every
tree is written into the arrays of ONNX's TreeEnsemble. With 64-bit sums in the libraries' own
order the answers are theirs to the last bit, ties between classes included; the converters of
skl2onnx compute in 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_ml.serving.compiled.program import NotConvertibleError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Above this the ONNX file would approach its limit of 2 GB.
MAX_NODES = 10_000_000
# treelite's comparison -> mode of a node in ONNX: EQ, LT, LEQ, GT, GTE.
_MODES = {1: 4, 2: 1, 3: 0, 4: 3, 5: 2}
# LightGBM takes what lies within 1e-35 (in 32 bits) of zero for zero: at its threshold below zero
# a row that lies exactly on it goes where zero goes.
_ALMOST_ZERO = -float(np.float32(1e-35))
_SUM = 1
_OPSETS = (("", 21), ("ai.onnx.ml", 5))
_IR_VERSION = 10


@dataclass
class _Arrays:
    """The operator's attributes while they grow, one piece for each tree."""

    features: list[Any] = field(default_factory=list)
    splits: list[Any] = field(default_factory=list)
    modes: list[Any] = field(default_factory=list)
    true_ids: list[Any] = field(default_factory=list)
    true_leafs: list[Any] = field(default_factory=list)
    false_ids: list[Any] = field(default_factory=list)
    false_leafs: list[Any] = field(default_factory=list)
    missing_true: list[Any] = field(default_factory=list)
    leaf_targets: list[Any] = field(default_factory=list)
    leaf_weights: list[Any] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    nodes: int = 0
    leaves: int = 0


@dataclass(frozen=True)
class Ensemble:
    """What is known of a tree ensemble.

    Parameters
    ----------
    onnx
        The ONNX model: rows of 64 bits to one sum of leaves, of type `dtype`, for each score.
    base
        What the library adds to the sums.
    trees, averages
        How many trees there are, and whether sums are divided by that.
    link
        treelite's name of what turns scores into answers.
    edges
        The thresholds of each feature, where rows change their way.
    """

    onnx: bytes
    dtype: str
    base: tuple[float, ...]
    trees: int
    averages: bool
    link: str
    edges: list[Any]


def ensemble_of(model: Any, *, rounds: bool) -> Ensemble:
    """Return the ensemble that a `treelite.Model` holds, converted.

    Parameters
    ----------
    model
        What treelite read.
    rounds
        Whether the library rounds rows to 32 bits and then compares them in 64, as scikit-learn
        does in all trees but those of histograms.

    Raises
    ------
    NotConvertibleError
        It splits by categories, predicts several targets, or is too large.
    """
    head = model.get_header_accessor().get_field
    classes = head("num_class")
    if len(classes) != 1:
        msg = f"it predicts {len(classes)} targets, and only one is compiled"
        raise NotConvertibleError(msg)
    width, vector = int(classes[0]), int(np.prod(head("leaf_vector_shape")))
    arrays = _Arrays()
    for number, class_id in enumerate(head("class_id")):
        tree = model.get_tree_accessor(number).get_field
        _check(tree, arrays, vector)
        for target in range(vector) if vector > 1 else (int(class_id),):
            _append(arrays, tree, target, vector)
    dtype = str(model.get_tree_accessor(0).get_field("threshold").dtype)
    return Ensemble(
        onnx=_serialized(arrays, np.dtype(dtype), (model.num_feature, width), rounds=rounds),
        dtype=dtype,
        base=tuple(head("base_scores").tolist()),
        trees=model.num_tree,
        averages=bool(np.ravel(head("average_tree_output"))[0]),
        link=_text(head("postprocessor")),
        edges=_edges(arrays, model.num_feature),
    )


def _check(tree: Any, arrays: _Arrays, vector: int) -> None:
    if len(tree("category_list")):
        msg = "it splits by categories, which are not compiled"
        raise NotConvertibleError(msg)
    if arrays.nodes + len(tree("cleft")) * vector > MAX_NODES:
        msg = f"its trees have more than {MAX_NODES:,} nodes"
        raise NotConvertibleError(msg)


def _append(arrays: _Arrays, tree: Any, target: int, vector: int) -> None:
    """Add one tree, or with leaves that hold a vector its part for one target."""
    left, right = tree("cleft"), tree("cright")
    is_leaf = left < 0
    inner = ~is_leaf
    place = np.where(is_leaf, np.cumsum(is_leaf) - 1, np.cumsum(inner) - 1)
    start = np.where(is_leaf, arrays.leaves, arrays.nodes)
    arrays.roots.append(arrays.nodes)
    if is_leaf[0]:
        # The operator has no tree without a split: both ways lead to the one leaf.
        _add_split(arrays, [0], [0.0], [0], [0])
        arrays.true_ids.append([arrays.leaves])
        arrays.false_ids.append([arrays.leaves])
        arrays.true_leafs.append([1])
        arrays.false_leafs.append([1])
    else:
        modes = [_MODES[int(code)] for code in tree("cmp")[inner]]
        missing = tree("default_left")[inner]
        splits = tree("threshold")[inner].copy()
        splits[splits == _ALMOST_ZERO] = np.nextafter(_ALMOST_ZERO, -np.inf)
        _add_split(arrays, tree("split_index")[inner], splits, modes, missing)
        for child, ids, leafs in (
            (left[inner], arrays.true_ids, arrays.true_leafs),
            (right[inner], arrays.false_ids, arrays.false_leafs),
        ):
            ids.append(place[child] + start[child])
            leafs.append(is_leaf[child])
    leaves = int(is_leaf.sum())
    if vector > 1:
        begin = tree("leaf_vector_begin")[is_leaf].astype(np.int64)
        weights = tree("leaf_vector")[begin + target]
    else:
        weights = tree("leaf_value")[is_leaf]
    arrays.leaf_weights.append(weights)
    arrays.leaf_targets.append(np.full(leaves, target))
    arrays.nodes += max(1, int(inner.sum()))
    arrays.leaves += leaves


def _add_split(
    arrays: _Arrays, features: Any, splits: Any, modes: Sequence[int], missing: Any
) -> None:
    arrays.features.append(features)
    arrays.splits.append(splits)
    arrays.modes.append(modes)
    arrays.missing_true.append(missing)


def _serialized(arrays: _Arrays, dtype: Any, shape: tuple[int, int], *, rounds: bool) -> bytes:
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415  (an extra)

    def integers(pieces: list[Any]) -> list[int]:
        found: list[int] = np.concatenate(pieces).astype(np.int64).tolist()
        return found

    def tensor(pieces: list[Any], kind: Any) -> Any:
        return numpy_helper.from_array(np.concatenate(pieces).astype(kind))

    kind = TensorProto.FLOAT if dtype == np.float32 else TensorProto.DOUBLE
    casts = [TensorProto.FLOAT] if rounds or dtype == np.float32 else []
    casts += [TensorProto.DOUBLE] if rounds and dtype != np.float32 else []
    names = ["rows", *(f"cast{number}" for number in range(len(casts)))]
    nodes = [
        helper.make_node("Cast", [before], [after], to=to)
        for before, after, to in zip(names, names[1:], casts, strict=False)
    ]
    trees = helper.make_node(
        "TreeEnsemble",
        names[-1:],
        ["scores"],
        domain="ai.onnx.ml",
        nodes_featureids=integers(arrays.features),
        nodes_splits=tensor(arrays.splits, dtype),
        nodes_modes=tensor(arrays.modes, np.uint8),
        nodes_truenodeids=integers(arrays.true_ids),
        nodes_trueleafs=integers(arrays.true_leafs),
        nodes_falsenodeids=integers(arrays.false_ids),
        nodes_falseleafs=integers(arrays.false_leafs),
        nodes_missing_value_tracks_true=integers(arrays.missing_true),
        leaf_targetids=integers(arrays.leaf_targets),
        leaf_weights=tensor(arrays.leaf_weights, dtype),
        tree_roots=arrays.roots,
        n_targets=shape[1],
        aggregate_function=_SUM,
        post_transform=0,
    )
    graph = helper.make_graph(
        [*nodes, trees],
        "trees",
        [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, [None, shape[0]])],
        [helper.make_tensor_value_info("scores", kind, [None, shape[1]])],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
    onnx_model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    serialized: bytes = onnx_model.SerializeToString()
    return serialized


def _edges(arrays: _Arrays, features: int) -> list[Any]:
    of, at = np.concatenate(arrays.features), np.concatenate(arrays.splits)
    return [np.unique(at[of == feature]) for feature in range(features)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(np.ravel(value)[0])
