"""The project's own files, as the tests of its rules read them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("mdsa_server", "plugins", "tests", "benchmarks")


@dataclass(frozen=True)
class SourceFile:
    """One Python file of the project."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    def imports(self) -> Iterator[str]:
        """Give the full name of each module that is imported anywhere in the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                # `from package import module` imports the module too.
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def source_files(*folders: str) -> list[SourceFile]:
    """All Python files in `folders` of the project, in order."""
    paths = (path for folder in folders or CODE for path in (ROOT / folder).rglob("*.py"))
    return [SourceFile(path) for path in sorted(paths) if "build" not in path.parts]
