"""Where Claude Code finds hooks (settings files, the administrator's, the plugin), and what switches them off.

As Claude Code 2.1.331 reads them (tests/claude/test_policies.py, test_plugin.py): all are merged; the same handler in
two settings files runs once, a plugin's once more; `disableAllHooks` of the administrator stops every hook, anybody
else's all but the administrator's; what a project's files say holds in that project.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from hookspan.errors import UserError
from hookspan.folders import is_file
from hookspan.paths import Paths
from hookspan.record import Record, replace

from . import settings_files
from .settings_text import Handler, SettingsText

PLUGIN: Final = "hookspan"

Kind = Literal["user", "project", "local", "managed", "plugin"]


class Switch(Record):
    """What keeps Claude Code from running hooks, and whether it is the administrator's."""

    what: str
    managed: bool


class HookSource(Record):
    """One place that hooks come from."""

    kind: Kind
    file: Path  # the settings file, or the plugin's file of hooks
    here: bool = True  # whether Claude Code reads it in this folder and environment
    plugin: str = ""  # `name@marketplace`
    text: SettingsText | None = None  # None: there is no such file, or none that can be read
    problem: str = ""  # why Claude Code can't read it
    handlers: tuple[Handler, ...] = ()  # ours
    off: Switch | None = None  # what keeps Claude Code from running them

    __eq__ = object.__eq__  # each is a place of its own, whatever it has
    __hash__ = object.__hash__

    @property
    def name(self) -> str:
        """As messages name it."""
        return f"the plugin `{self.plugin}`" if self.plugin else f"`{self.file}`"

    @property
    def of_install(self) -> bool:
        """Whether `hookspan install` is what writes there."""
        return self.kind in {"user", "local"}


def find(
    paths: Paths, env: Mapping[str, str], folder: Path | None, managed: Sequence[Path], written: Sequence[Path]
) -> list[HookSource]:
    """Every place that has, may have or once had hooks of ours, and whether they run.

    `managed`: the administrator's folders. `written`: the files that `install` wrote into.
    """
    config = _config(env)
    here = _here(config, folder)
    elsewhere: list[tuple[Kind, Path]] = [
        ("local" if file.name == "settings.local.json" else "user", file)
        for file in written
        if file not in {path for _, path in here}
    ]
    files = [_settings(kind, file, paths, here=True) for kind, file in [*here, *_managed(managed)]]
    files += [_settings(kind, file, paths, here=False) for kind, file in elsewhere]
    sources = [*files, *_plugins(files, paths, config, folder)]
    return [replace(source, off=_off(source, sources)) for source in sources]


def _config(env: Mapping[str, str]) -> Path | None:
    """Claude Code's folder; None for a user without a home."""
    try:
        return settings_files.config_folder(env)
    except UserError:
        return None


def _here(config: Path | None, folder: Path | None) -> list[tuple[Kind, Path]]:
    """The user's file and those of the project, of which the user's home is none."""
    files: list[tuple[Kind, Path]] = [("user", settings_files.of_user(config))] if config is not None else []
    if folder is not None:
        shared, own = settings_files.of_project(folder)
        files += [("project", shared), ("local", own)]
    unique: dict[Path, Kind] = {}
    for kind, file in files:
        unique.setdefault(file, kind)
    return [(kind, file) for file, kind in unique.items()]


def _managed(folders: Sequence[Path]) -> list[tuple[Kind, Path]]:
    return [("managed", file) for folder in folders for file in settings_files.of_managed(folder)]


def _settings(kind: Kind, file: Path, paths: Paths, *, here: bool) -> HookSource:
    try:
        text = SettingsText.of(str(file), file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return HookSource(kind, file, here)
    except OSError as error:
        return HookSource(kind, file, here, problem=f"`{file}` can't be read ({error.strerror})")
    except UserError as error:
        return HookSource(kind, file, here, problem=error.message)
    return HookSource(kind, file, here, text=text, handlers=tuple(text.ours(paths)))


# --- The plugin


def _plugins(
    files: Sequence[HookSource], paths: Paths, config: Path | None, folder: Path | None
) -> Iterator[HookSource]:
    """Our plugin, under whatever marketplace's name, where it is installed and enabled."""
    listed = {} if config is None else _installed(config / "plugins" / "installed_plugins.json")
    for name, installed in listed.items():
        if name.partition("@")[0] != PLUGIN:
            continue
        for plugin in installed:
            project = Path(plugin["projectPath"]) if plugin.get("projectPath") else None
            if folder is not None and project not in {None, folder}:
                continue
            read = files if project in {None, folder} else [*files, *_of_project(project, paths)]
            if _enabled(name, read) and (file := _hooks_file(Path(plugin["installPath"]))) is not None:
                yield replace(_settings("plugin", file, paths, here=True), plugin=name)
                break  # it is loaded once, for whichever scope


def _of_project(project: Path | None, paths: Paths) -> list[HookSource]:
    """A project's files, seen from elsewhere."""
    if project is None:
        return []
    shared, own = settings_files.of_project(project)
    return [_settings("project", shared, paths, here=False), _settings("local", own, paths, here=False)]


def _installed(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Claude Code's own list of plugins that are on this machine: by name, with `installPath` and `projectPath`."""
    listed = _json(file).get("plugins")
    return {
        name: [each for each in plugins if isinstance(each, dict) and isinstance(each.get("installPath"), str)]
        for name, plugins in (listed.items() if isinstance(listed, dict) else ())
        if isinstance(plugins, list)
    }


def _enabled(name: str, files: Sequence[HookSource]) -> bool:
    """Whether `enabledPlugins` says so; the later files win, and the administrator's over all."""
    order = ("user", "project", "local", "managed")
    on = False
    for source in sorted(files, key=lambda source: order.index(source.kind)):
        plugins = None if source.text is None else source.text.value.get("enabledPlugins")
        if isinstance(plugins, dict) and name in plugins:
            on = bool(plugins[name])
    return on


def _hooks_file(folder: Path) -> Path | None:
    """The plugin's file of hooks, as its manifest names it."""
    named = _json(folder / ".claude-plugin" / "plugin.json").get("hooks")
    file = folder / (named if isinstance(named, str) else "hooks/hooks.json")
    return file if is_file(file) else None


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


# --- What switches hooks off


def _off(source: HookSource, files: Sequence[HookSource]) -> Switch | None:
    """What keeps Claude Code from running a source's hooks; None if they run."""
    managed = [each for each in files if each.kind == "managed"]
    if (by := _says("disableAllHooks", managed)) is not None:
        return Switch(f"`disableAllHooks` in {by} keeps every hook from running", managed=True)
    if source.kind == "managed":
        return None
    forced = source.kind == "plugin" and _enabled(source.plugin, managed)
    if not forced and (by := _says("allowManagedHooksOnly", managed)) is not None:
        return Switch(f"`allowManagedHooksOnly` in {by} keeps your own hooks from running", managed=True)
    if source.kind != "plugin" and (by := _says("strictPluginOnlyCustomization", managed)) is not None:
        return Switch(f"`strictPluginOnlyCustomization` in {by} allows hooks of plugins only", managed=True)
    own = [each for each in files if each.here and each.kind in {"user", "project", "local"}]
    if (by := _says("disableAllHooks", [*own, source])) is not None:
        return Switch(f"`disableAllHooks` in {by} keeps every hook from running", managed=False)
    return None


def _says(key: str, files: Sequence[HookSource]) -> str | None:
    """The first file in which a switch is on: `true`, or a list of what it is for with `hooks` in it."""
    for source in files:
        value = None if source.text is None else source.text.value.get(key)
        if value is True or (isinstance(value, list) and "hooks" in value):
            return source.name
    return None
