"""Keep compiled templates from one build to the next, as Python keeps compiled modules in `__pycache__`."""

import hashlib
import importlib.util
import marshal
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dbt_common.clients import jinja

from scripts.paths import PROJECT_ROOT

# Compiled templates depend on these packages, and on the version of Python (`MAGIC_NUMBER`).
MADE_BY = ("dbt-core", "dbt-common", "dbt-adapters", "dbt-postgres", "Jinja2")
# Each edit of a model is another template. Above this number, the cache drops the templates that a build did not use.
MOST_KEPT = 3_000
DIGEST = hashlib.sha256


def cache_file() -> Path:
    """Return the file of the cache, in dbt's target folder."""
    return PROJECT_ROOT / (os.environ.get("DBT_TARGET_PATH") or "target") / "compiled_templates"


class TemplateCache:
    """Compiled templates by a hash of their source and of the versions that compiled them.

    Args:
        path: the file of the cache. It need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made_by = importlib.util.MAGIC_NUMBER + " ".join(map(version, MADE_BY)).encode()
        self._kept: dict[bytes, bytes] = {}
        self._used: dict[bytes, bytes] = {}
        self.read()

    def read(self) -> None:
        """Read the cache. It is empty if the file does not exist or is damaged."""
        self._kept = {}
        with suppress(OSError):
            content = self._path.read_bytes()
            size = DIGEST().digest_size
            digest, written = content[:size], content[size:]
            self._kept = dict(marshal.loads(written)) if DIGEST(written).digest() == digest else {}

    def get(self, environment: str, source: str, compile_template: Callable[[], Any]) -> Any:  # noqa: ANN401  # code
        """Return a compiled template, from the cache if possible.

        Args:
            environment: the name of the class that compiles the template.
            source: the text of the template.
            compile_template: compiles the template.
        """
        key = DIGEST(b"\0".join([self._made_by, environment.encode(), source.encode()])).digest()
        written = self._used.get(key) or self._kept.get(key)
        if written is None:
            compiled = compile_template()
            self._used[key] = marshal.dumps(compiled)
            return compiled
        self._used[key] = written
        return marshal.loads(written)

    def write(self) -> None:
        """Write the cache, if there are new templates. A failure is ignored, because the next build can compile."""
        if self._used.keys() <= self._kept.keys():
            return
        kept = self._kept | self._used
        written = marshal.dumps(kept if len(kept) <= MOST_KEPT else self._used)
        draft = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(DIGEST(written).digest() + written)
            draft.replace(self._path)


def keep_templates(cache: TemplateCache) -> None:
    """Compile each template once, not in each build.

    A daily build compiles the same 400 templates as the build before, which takes 0.8 s of CPU. Jinja's own cache holds
    only templates that Jinja loads from files itself, and dbt loads its files itself.

    Args:
        cache: the compiled templates.
    """
    environment = jinja.MacroFuzzEnvironment
    compile_again = environment.compile

    def compiled(self: Any, source: Any, *more: Any, **options: Any) -> Any:  # noqa: ANN401  # the types of Jinja
        # DBT_MACRO_DEBUGGING needs the code in files, which Jinja writes only when it compiles.
        if more or options or not isinstance(source, str) or jinja.MACRO_DEBUGGING:
            return compile_again(self, source, *more, **options)
        return cache.get(type(self).__name__, source, lambda: compile_again(self, source))

    environment.compile = compiled  # type: ignore[method-assign]
