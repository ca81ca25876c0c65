"""The image, built without Docker: what its Dockerfile copies, and an environment of what `--no-dev` installs."""

import json
import re
import shutil
import tomllib
import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from config.processes import PROJECT

DOCKERFILE = PROJECT / "docker" / "Dockerfile"


def build(folder: Path) -> None:
    """Make the image's `/app` in an empty folder."""
    for words in instructions("COPY"):
        source, target = words.split()[-2:]
        if "--from=" in words:
            continue
        assert not ignored(source), f"{source} is not sent to the builder, see .dockerignore"
        copy: Any = shutil.copytree if (PROJECT / source).is_dir() else shutil.copy2
        options = {"ignore": shutil.ignore_patterns("__pycache__")} if copy is shutil.copytree else {}
        copy(PROJECT / source, folder / target, **options)
    _install(folder / ".venv")


def instructions(name: str) -> list[str]:
    """The arguments of the last stage's instructions of a name, in order."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    last_stage = re.split(r"^FROM ", text, flags=re.MULTILINE)[-1]
    return re.findall(rf"^{name} (.*)$", last_stage, re.MULTILINE)


def command() -> list[str]:
    """What a container runs that is told nothing else."""
    words: list[str] = json.loads(instructions("CMD")[0])
    return words


def variables() -> dict[str, str]:
    """What the image sets, PATH aside."""
    pairs = (pair.split("=", 1) for words in instructions("ENV") for pair in words.split())
    return {name: text for name, text in pairs if name != "PATH"}


def ignored(source: str) -> bool:
    """Whether `.dockerignore` keeps it from the builder: ours names what may pass."""
    return f"!{source}" not in (PROJECT / ".dockerignore").read_text().splitlines()


def packages(*, dev: bool) -> set[str]:
    """The names of what uv installs for the project, with its development group or without."""
    found = tomllib.loads((PROJECT / "uv.lock").read_text())["package"]
    by_name = {package["name"]: package for package in found}
    ours = by_name["orderly"]
    todo = [*ours["dependencies"], *(ours["dev-dependencies"]["dev"] if dev else ())]
    seen: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        for extra in ("", *wanted.get("extra", ())):
            if (wanted["name"], extra) not in seen:
                seen.add((wanted["name"], extra))
                package = by_name[wanted["name"]]
                group = (
                    package.get("optional-dependencies", {}).get(extra, ())
                    if extra
                    else package.get("dependencies", ())
                )
                todo.extend(group)
    return {name for name, _extra in seen}


def _install(environment: Path) -> None:
    """Link what the image would have from the environment that the tests run in."""
    venv.create(environment, symlinks=True)
    [site] = (environment / "lib").glob("python3*/site-packages")
    for name in packages(dev=False):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for other systems
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(str(found.locate_file(top)))
        _scripts(environment / "bin", found)


def _scripts(programs: Path, found: Distribution) -> None:
    for entry in found.entry_points.select(group="console_scripts"):
        program = programs / entry.name
        name = entry.attr.partition(".")[0]
        call = f"import sys\nfrom {entry.module} import {name}\nsys.exit({entry.attr}())\n"
        program.write_text(f"#!{programs / 'python'}\n{call}")
        program.chmod(0o755)
