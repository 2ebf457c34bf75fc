"""YAML in which every scalar is text."""

from __future__ import annotations

from typing import Any

import yaml


class _TextLoader(yaml.SafeLoader):
    """Read every scalar as text, except null; refuse a key that is given twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the class attribute that PyYAML reads
        first: [(tag, regexp) for tag, regexp in resolvers if tag == "tag:yaml.org,2002:null"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - the signature that PyYAML calls
    ) -> dict[Any, Any]:
        """Build a mapping whose keys are all different."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"`{key.value}` is given twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_plain_yaml(text: str) -> object:
    """Return the maps, lists and texts of a YAML document; null is None.

    `yes`, `NO`, `007` and `2018-01-01` stay the text they look like.

    Raises
    ------
    ValueError
        It is not YAML, or a key is given twice; says in which line.
    """
    try:
        content: object = yaml.load(text, Loader=_TextLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(_yaml_problem(error)) from error
    except RecursionError as error:
        raise ValueError("is nested too deeply to be a mapping") from error
    return content


def _yaml_problem(error: yaml.YAMLError) -> str:
    """Say in one line where the YAML is wrong."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    return f"{where}{getattr(error, 'problem', None) or 'is not YAML'}"
