"""Pages of the documentation that are made of the code: a hook of mkdocs, see mkdocs.yml."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

ABOUT = {
    "heads.base.Head": "what an encoding of labels is",
    "datamodules.base.samples.Samples": "what a data set gives",
    "metrics.base.TaskMetrics": "how the answers of a task are judged",
    "tasks.base.Task": "what a task brings",
    "export.formats.base.Format": "what a format of files is",
    "export.check.Check": "what a file is asked beside its scores",
}
"""Protocols and base classes that a package of one's own implements."""


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the pages that nobody writes."""
    pages = {"index.md": _index(), "choices.md": _choices(), "settings.md": _settings(), "protocols.md": _protocols()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for name in ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "zoo/README.md"):
        files.append(
            File.generated(config, name.replace("zoo/README", "zoo"), content=_of_docs((ROOT / name).read_text()))
        )
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to files beside docs/ lead to their pages."""
    return (
        markdown.replace("](../zoo/README.md)", "](zoo.md)")
        .replace("](../SECURITY.md)", "](SECURITY.md)")
        .replace("](../CONTRIBUTING.md)", "](CONTRIBUTING.md)")
    )


def _index() -> str:
    return _of_docs((ROOT / "README.md").read_text())


def _of_docs(text: str) -> str:
    """Links of a file in the root as those of a file in docs/."""
    return re.sub(
        r"\]\(docs/",
        "](",
        text.replace("](zoo/README.md)", "](zoo.md)").replace(
            "](../LICENSE)", "](https://www.apache.org/licenses/LICENSE-2.0)"
        ),
    )


def _choices() -> str:
    from choices import names_of
    from choices.__main__ import axes, described

    parts = ["# Every axis and its choices", "As `python -m choices` lists them; made of the files in `conf/`."]
    for axis in axes():
        rows = [f"| `{axis}={name}` | {described(axis, name)} |" for name in names_of(axis)]
        parts.append("\n".join([f"## {axis}", "", "| choice | |", "|---|---|", *rows]))
    return "\n\n".join(parts)


def _settings() -> str:
    from cli.commands import COMMANDS
    from cli.help import help_page

    parts = ["# Every setting", "As `--help` of each command prints them; made of the schemas that check them."]
    for config, command in COMMANDS.items():
        if command.schema is not None:
            parts.append(f"## {command.typed}\n\n```text\n{help_page(config)}\n```")
    return "\n\n".join(parts)


def _protocols() -> str:
    parts = [
        "# Protocols",
        "What a package of your own implements; [the layout](architecture.md) says where it stands.",
    ]
    parts += [f"## {name.rpartition('.')[2]}: {words}\n\n::: {name}" for name, words in ABOUT.items()]
    return "\n\n".join(parts)
