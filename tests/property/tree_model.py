"""What a tree of steps does to items, as a few lines of plain Python: the judge of the engine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from redrive.core.flow import Flow, StepNode

Item = dict[str, int]
Payload = list[Item]
Bucket = list[Payload]


@dataclass
class Model:
    """A flow of steps that pass items on. `broken`: at which step a payload with which item fails."""

    flow: Flow
    broken: set[tuple[str, int]] = field(default_factory=set)
    arrived: dict[str, Bucket] = field(default_factory=dict)
    """By step: what came to it."""
    failed: dict[str, Bucket] = field(default_factory=dict)
    partial: bool = False
    """Whether a `try` ended so."""

    def run(self, bucket: Bucket) -> Bucket | None:
        """What the flow puts out; None where it fails."""
        try:
            return self.list(self.flow.steps, bucket, None)
        except Failed:
            return None

    def behind(self, step: str, bucket: Bucket) -> Bucket:
        """What the flow puts out if this is what a step put out, and nothing else of it runs."""
        for place in reversed(self.flow.chain(step)):
            bucket = self.list(place.following, bucket, None)
        return bucket

    def behind_again(self, node: StepNode, bucket: Bucket) -> Bucket:
        """What the flow puts out if this comes to a step, and nothing else of it runs."""
        return self.behind(node.id, self.list((node,), bucket, None))

    def list(self, nodes: Any, bucket: Bucket, caught: dict[str, Bucket] | None) -> Bucket:
        for node in nodes:
            self.arrived.setdefault(node.id, []).extend(bucket)
            bucket = getattr(self, f"_{node.shape}")(node, bucket, caught)
        return bucket

    def _hooked(self, node: StepNode, bucket: Bucket, caught: dict[str, Bucket] | None) -> Bucket:
        fails = [p for p in bucket if any((node.id, item["id"]) in self.broken for item in p)]
        if fails:
            self.failed.setdefault(node.id, []).extend(fails)
            if caught is None:
                raise Failed
            caught.setdefault(node.id, []).extend(fails)
        return [payload for payload in bucket if payload not in fails]

    def _filter(self, node: StepNode, bucket: Bucket, caught: dict[str, Bucket] | None) -> Bucket:
        return []

    def _flow_control(self, node: StepNode, bucket: Bucket, caught: dict[str, Bucket] | None) -> Bucket:
        items = [item for payload in bucket for item in payload]
        size = node.settings["size"]
        return [items[at : at + size] for at in range(0, len(items), size)]

    def _route(self, node: StepNode, bucket: Bucket, caught: dict[str, Bucket] | None) -> Bucket:
        conditions = [None if path.when is None else path.when["in"] for path in node.paths]
        paths: list[Bucket] = [[] for _ in node.paths]
        names = [path.id for path in node.paths]
        plain = [n for n, name in enumerate(names) if name != "otherwise"]
        none_has_one = all(conditions[n] is None for n in plain)
        first = node.settings["send_to"] == "first" and not none_has_one
        for payload in bucket:
            parts: list[Payload] = [[] for _ in node.paths]
            for item in payload:
                met = [n for n in plain if conditions[n] is None or item["k"] in conditions[n]]
                met = met[:1] if first else met
                if not met and "otherwise" in names:
                    met = [names.index("otherwise")]
                for n in met:
                    parts[n].append(item)
            for n, part in enumerate(parts):
                if part:
                    paths[n].append(part)
        failed = False
        outs: list[Bucket] = []
        for path, handed in zip(node.paths, paths, strict=True):
            try:
                outs.append(self.list(path.steps, handed, caught) if handed else [])
            except Failed:
                failed = True
        if failed:
            raise Failed
        return [payload for out in outs for payload in out]

    def _branch(self, node: StepNode, bucket: Bucket, caught: dict[str, Bucket] | None) -> Bucket:
        return [payload for path in node.paths for payload in self.list(path.steps, bucket, caught)]

    def _try(self, node: StepNode, bucket: Bucket, caught: dict[str, Bucket] | None) -> Bucket:
        own: dict[str, Bucket] = {}
        out = self.list(node.paths[0].steps, bucket, own)
        order = [inner.id for inner in node.walk()]
        failed = [payload for step in sorted(own, key=order.index) for payload in own[step]]
        if failed:
            self.partial = True
            out = out + self.list(node.paths[1].steps, failed, caught)
        return out


class Failed(Exception):
    pass


def counted(bucket: Bucket) -> Counter[int]:
    return Counter(item["id"] for payload in bucket for item in payload)


# ---- random trees, as documents without ids

_leaves = st.sampled_from(
    [
        {"shape": "hooked"},
        {"shape": "hooked"},
        {"shape": "flow_control", "size": 2},
        {"shape": "flow_control", "size": 1},
    ]
)
_when = st.none() | st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True).map(
    lambda ks: {"field": "k", "in": sorted(ks)}
)


def _tree(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(inner, max_size=3)
    route = st.fixed_dictionaries(
        {
            "shape": st.just("route"),
            "send_to": st.sampled_from(["first", "all"]),
            "paths": st.lists(
                st.tuples(_when, steps).map(
                    lambda pair: {"steps": pair[1], **({"when": pair[0]} if pair[0] else {})}
                ),
                min_size=1,
                max_size=3,
            ),
        },
        optional={"otherwise": st.fixed_dictionaries({"steps": steps})},
    )
    branch = st.fixed_dictionaries(
        {
            "shape": st.just("branch"),
            "paths": st.lists(st.fixed_dictionaries({"steps": steps}), min_size=1, max_size=3),
        }
    )
    attempt = st.fixed_dictionaries(
        {"shape": st.just("try"), "steps": steps, "catch": st.lists(_leaves, max_size=2)}
    )
    return st.one_of(_leaves, route, branch, attempt)


lists_of_steps = st.lists(st.recursive(_leaves, _tree, max_leaves=8), min_size=1, max_size=3)
payloads = st.lists(
    st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True).map(
        lambda ids: [{"id": one, "k": one % 3} for one in ids]
    ),
    min_size=1,
    max_size=4,
)


def named(steps: list[Any]) -> list[Any]:
    """The document's steps with ids, and a step at the end where everything is counted."""
    numbers = iter(range(10_000))

    def step(one: Any) -> Any:
        found = {"id": f"s{next(numbers)}", **one}
        for name in ("steps", "catch"):
            if name in found:
                found[name] = [step(inner) for inner in found[name]]
        if "paths" in found:
            found["paths"] = [
                {"id": f"p{next(numbers)}", **path, "steps": [step(inner) for inner in path["steps"]]}
                for path in found["paths"]
            ]
        if "otherwise" in found:
            found["otherwise"] = {"steps": [step(inner) for inner in found["otherwise"]["steps"]]}
        return found

    return [*(step(one) for one in steps), {"id": "end", "shape": "hooked"}]
