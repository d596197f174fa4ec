"""Measure the steps of a build."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Clock:
    """The start and end of each step, in seconds since the epoch.

    Attributes:
        started: called with the name of each step of the main thread when it starts.
        steps: the steps of the main thread, one after the other.
        beside: the steps of another thread at the same time.
    """

    started: Callable[[str], None] = lambda name: None
    steps: dict[str, tuple[float, float]] = field(default_factory=dict)
    beside: dict[str, tuple[float, float]] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, *, beside: bool = False) -> Iterator[None]:
        """Measure a step.

        Args:
            name: the name of the step.
            beside: whether another thread than the main thread takes the step.
        """
        if not beside:
            self.started(name)
        began = time.time()
        yield
        (self.beside if beside else self.steps)[name] = (began, time.time())
