"""Collections and prompts from Python."""

from __future__ import annotations

import os
from pathlib import Path

from tuition.prompts.encodings import find_encoding
from tuition.prompts.types import Encoding, Prompt
from tuition.tasks.collection import Collection
from tuition.tasks.types import Instance, Task

STARTER = "starter"


def collection_path(tasks: str | os.PathLike[str]) -> str:
    """Return a collection's absolute path; the word `starter`, for the packaged collection, is returned unchanged."""
    return STARTER if str(tasks) == STARTER else str(Path(tasks).expanduser().resolve())


def open_collection(tasks: str | os.PathLike[str], format: str | None = None) -> Collection:  # noqa: A002
    """Open a collection of tasks; each task is read when it is used.

    Args:
        tasks: a file, a folder or a checkout in any format that `tuition check` reads, or `"starter"` for the
            collection inside the package.
        format: the format's name, if the path does not show it.

    Returns:
        The collection: `collection["task1152"]` reads one task by its name or a unique prefix of it.

    Raises:
        ProblemsError: there is nothing at that path, or it cannot be read as tasks.
        UserError: no format has that name.
    """
    from tuition.tasks.readers import open_collection as open_path
    from tuition.tasks.starter import STARTER_PATH

    path = STARTER_PATH if str(tasks) == STARTER else Path(tasks).expanduser()
    return open_path(path, format)


def encode(
    task: Task,
    instance: Instance,
    encoding: str | Encoding = "definition+2-positive",
    *,
    output: str | None = None,
    seed: int = 0,
) -> Prompt:
    """Return the prompt of one instance: the prefix that the task's instances share, the body, and the target.

    Args:
        task: the task, whose instruction the prompt contains.
        instance: one of the task's instances.
        encoding: the name of an encoding (`tuition.ENCODINGS` lists them), your own `.yaml` or `.jinja` file, or an
            `Encoding`.
        output: the target's text; the instance's first output by default.
        seed: the seed, if the encoding chooses a random encoding or template for each instance.

    Raises:
        UserError: no encoding has that name, or the task lacks what the encoding needs.
    """
    from tuition.prompts.encode import encode as encode_prompt

    chosen = find_encoding(encoding) if isinstance(encoding, str) else encoding
    return encode_prompt(task, instance, chosen, output=output, seed=seed)
