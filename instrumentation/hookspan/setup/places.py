"""Which installation a hook belongs to: judged by its relay and state folder, not by the current variables."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from hookspan.paths import Paths

MOVED = ("HOOKSPAN_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
"""The variables that say where hookspan keeps its files."""


def of_hook(relay: Path, state: Path, env: Mapping[str, str]) -> Paths | None:
    """The files of the hookspan whose hooks run `relay` on `state`; None where nothing tells that they belong together.

    `relay.conf` in the state folder has the words that start its agent; without it the folders' names must do.
    """
    data = relay.parent.parent
    config = _config_of(state, data)
    if config is None and state.name == "state" and data == state.parent / "data":
        config = state.parent / "config.toml"
    if config is None and state.name == data.name == "hookspan":
        config = Paths.from_environment({**env, "HOOKSPAN_HOME": ""}).config
    return None if config is None else Paths(state=state, config=config, data=data)


def _config_of(state: Path, data: Path) -> Path | None:
    """The settings file of a state folder of ours, as its `relay.conf` has it."""
    conf = state / "relay.conf"
    try:
        if conf.lstat().st_uid != os.geteuid():
            return None
        lines = conf.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    words = [line.removeprefix("arg ") for line in lines if line.startswith("arg ")]
    options = dict(pairwise(words))
    if (options.get("--state"), options.get("--data")) != (str(state), str(data)):
        return None
    return Path(options["--config"]) if "--config" in options else None


def call(paths: Paths, env: Mapping[str, str], *words: str) -> str:
    """The command line that reaches the hookspan with these files, for a shell with these variables."""
    wanted = variables(paths, env)
    unset = [word for name in MOVED if env.get(name) and name not in wanted for word in ("-u", name)]
    if Paths.from_environment({**env, **wanted}) == paths:
        unset = []
    assignments = [f"{name}={shlex.quote(value)}" for name, value in wanted.items() if env.get(name) != value]
    return " ".join([*(["env", *unset] if unset else []), *assignments, "hookspan", *words])


def variables(paths: Paths, env: Mapping[str, str]) -> dict[str, str]:
    """Of the variables that move hookspan's files those that make them these, whatever `env` has of them."""
    top = paths.state.parent
    if Paths.from_environment({"HOOKSPAN_HOME": str(top)}) == paths:
        return {"HOOKSPAN_HOME": str(top)}
    usual = Paths.from_environment({key: value for key, value in env.items() if key not in MOVED})
    return {
        name: str(folder.parent)
        for name, folder, default in (
            ("XDG_STATE_HOME", paths.state, usual.state),
            ("XDG_DATA_HOME", paths.data, usual.data),
            ("XDG_CONFIG_HOME", paths.config.parent, usual.config.parent),
        )
        if folder != default
    }
