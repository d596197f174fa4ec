"""Keeps what dbt works out anew each time from one build to the next, as Python keeps modules in `__pycache__`."""

import hashlib
import importlib.util
import marshal
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.paths import PROJECT_ROOT

# What they are made by, beside the version of Python (`MAGIC_NUMBER`).
MADE_BY = ("dbt-core", "dbt-common", "dbt-adapters", "dbt-postgres", "Jinja2", "mashumaro")
# Templates change with the project. With more than these, what the last build did not use is forgotten.
MOST_KEPT = 3_000
DIGEST = hashlib.sha256


def file() -> Path:
    """Return where things are kept: where dbt keeps what it has parsed."""
    return PROJECT_ROOT / (os.environ.get("DBT_TARGET_PATH") or "target") / "kept"


class Kept:
    """Things by a hash of what they are made of, and of what made them.

    Args:
        path: the file in which they are. It need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made_by = importlib.util.MAGIC_NUMBER + " ".join(map(version, MADE_BY)).encode()
        self._kept = self._read()
        self._used: dict[bytes, bytes] = {}

    def get(self, made_of: tuple[str, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever `make` returns
        """Return a thing, as it is kept or else as it is made.

        Args:
            made_of: all that it follows from.
            make: makes it anew.
        """
        key = DIGEST(b"\0".join([self._made_by, *(part.encode() for part in made_of)])).digest()
        written = self._used.get(key) or self._kept.get(key)
        if written is None:
            made = make()
            # What cannot be written as it is, such as the default of a schema that is no plain text, is made anew.
            with suppress(ValueError):
                self._used[key] = marshal.dumps(made)
            return made
        self._used[key] = written
        return marshal.loads(written)

    def write(self) -> None:
        """Write things down, if there are any that were not known."""
        if self._used.keys() <= self._kept.keys():
            return
        kept = self._kept | self._used
        written = marshal.dumps(kept if len(kept) <= MOST_KEPT else self._used)
        draft = self._path.with_suffix(f".{os.getpid()}")
        # The next build can do without.
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(DIGEST(written).digest() + written)
            draft.replace(self._path)

    def _read(self) -> dict[bytes, bytes]:
        """Read what is kept; nothing where there is no such file, or a part of one."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return {}
        size = DIGEST().digest_size
        digest, written = content[:size], content[size:]
        return dict(marshal.loads(written)) if DIGEST(written).digest() == digest else {}


def keep_templates(kept: Kept) -> None:
    """Have dbt compile a template once, and not in each build.

    A build of one day compiles 400, the same ones as the build before, which took it 0.8 s of CPU. Jinja's own cache is
    for templates that it loads from files itself, which those of dbt are not.
    """
    from dbt_common.clients import jinja  # noqa: PLC0415  # of dbt, whose import takes seconds

    environment = jinja.MacroFuzzEnvironment
    anew = environment.compile

    def compiled(self: Any, source: Any, *more: Any, **options: Any) -> Any:  # noqa: ANN401  # as Jinja has it
        # Whoever debugs macros wants their code in files, which are written when it is made.
        if more or options or not isinstance(source, str) or jinja.MACRO_DEBUGGING:
            return anew(self, source, *more, **options)
        return kept.get(("template", type(self).__name__, source), lambda: anew(self, source))

    environment.compile = compiled  # type: ignore[method-assign]


def keep_schemas(kept: Kept) -> None:
    """Have dbt work out once what its configuration files may say: the same for each version of it, 0.25 s of CPU."""
    from dbt_common.dataclass_schema import dbtClassMixin  # noqa: PLC0415  # of dbt, whose import takes seconds

    anew = dbtClassMixin.__dict__["json_schema"].__func__

    def json_schema(cls: type) -> Any:  # noqa: ANN401  # as dbt has it
        return kept.get(("schema", cls.__module__, cls.__qualname__), lambda: anew(cls))

    dbtClassMixin.json_schema = classmethod(json_schema)  # type: ignore[assignment, method-assign]
