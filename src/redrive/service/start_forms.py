"""What a start of a flow can be given: its variables, and the steps that may be skipped."""

from __future__ import annotations

from collections.abc import Iterator

from redrive.core.flow import Flow, StepNode
from redrive.errors import NotFound
from redrive.service.chosen import choose
from redrive.service.kernel import Kernel
from redrive.service.reading_views import StartOptions, StartStep, StartVariable


class StartForms:
    _kernel: Kernel

    async def start_form(self, name: str, *, version: str | None = None) -> StartOptions:
        """Of the deployed version, else of the draft; or of the version asked for.

        Errors: `flow.unknown`, `version.unknown`, `document.invalid`.
        """
        chosen = await choose(self._kernel, name, version)
        flow = chosen.built(self._kernel).flow
        return StartOptions(
            flow=name,
            version=chosen.number,
            variables=[
                StartVariable(
                    name=name,
                    type=one.type,
                    default=one.default,
                    description=one.description,
                    required=one.required,
                )
                for name, one in flow.variables.items()
            ],
            steps=list(_steps(flow)),
            deployed_skips=await self._deployed_skips(name),
        )

    async def _deployed_skips(self, name: str) -> list[str]:
        try:
            deployed = await choose(self._kernel, name, "deployed")
        except NotFound:
            return []
        return [step.id for step in deployed.built(self._kernel).flow.walk() if step.skip]


def _steps(flow: Flow) -> Iterator[StartStep]:
    def below(steps: tuple[StepNode, ...], depth: int) -> Iterator[StartStep]:
        for step in steps:
            yield StartStep(step=step.id, shape=step.shape, name=step.name, skip=step.skip, depth=depth)
            for path in step.paths:
                yield from below(path.steps, depth + 1)

    return below(flow.steps, 0)
