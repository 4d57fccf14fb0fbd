"""Which program a shell command starts, as one word of a closed list: never an argument, never a path."""

from __future__ import annotations

import re
from typing import Final

OTHER: Final = "other"

PROGRAMS: Final = frozenset(
    [
        "ansible",
        "apt",
        "apt-get",
        "awk",
        "aws",
        "az",
        "bash",
        "bazel",
        "black",
        "brew",
        "bun",
        "bundle",
        "cargo",
        "cat",
        "chmod",
        "clang",
        "cmake",
        "composer",
        "conda",
        "cp",
        "curl",
        "date",
        "deno",
        "df",
        "diff",
        "docker",
        "docker-compose",
        "dotnet",
        "du",
        "echo",
        "elixir",
        "eslint",
        "find",
        "flake8",
        "gcc",
        "gcloud",
        "gem",
        "gh",
        "git",
        "glab",
        "go",
        "gradle",
        "grep",
        "head",
        "helm",
        "hookspan",
        "java",
        "javac",
        "jest",
        "jq",
        "julia",
        "just",
        "kill",
        "kubectl",
        "ls",
        "lsof",
        "make",
        "mkdir",
        "mix",
        "mongosh",
        "mv",
        "mvn",
        "mypy",
        "mysql",
        "nginx",
        "ninja",
        "node",
        "npm",
        "npx",
        "nvim",
        "openssl",
        "perl",
        "php",
        "pip",
        "pip3",
        "pipenv",
        "pipx",
        "playwright",
        "pnpm",
        "podman",
        "poetry",
        "pre-commit",
        "prettier",
        "ps",
        "psql",
        "pulumi",
        "pwd",
        "pyright",
        "pytest",
        "python",
        "python3",
        "rails",
        "rake",
        "redis-cli",
        "rg",
        "rm",
        "rsync",
        "ruby",
        "ruff",
        "rustc",
        "rustup",
        "scp",
        "sed",
        "sh",
        "sleep",
        "sort",
        "sqlite3",
        "ssh",
        "stat",
        "swift",
        "systemctl",
        "tail",
        "tar",
        "terraform",
        "test",
        "tmux",
        "touch",
        "tox",
        "tsc",
        "unzip",
        "uv",
        "uvx",
        "vim",
        "vite",
        "vitest",
        "wc",
        "wget",
        "which",
        "xargs",
        "yarn",
        "zig",
        "zsh",
    ]
)
"""Programs that may be named. A closed list keeps both the attribute's cardinality and what it can give away small."""

_SKIPPED: Final = frozenset(
    {
        "cd",
        "for",
        "export",
        "set",
        "source",
        ".",
        "sudo",
        "time",
        "env",
        "nohup",
        "command",
        "exec",
        "timeout",
        "nice",
        "then",
        "do",
        "else",
        "if",
        "while",
        "until",
        "!",
        "(",
        "{",
    }
)
_SEPARATORS: Final = re.compile(r"&&|\|\||[;\n|&]")
_WITH_THE_REST: Final = frozenset({"cd", "export", "set", "source", ".", "for"})
"""What follows these, up to the next command, is no program."""
_OPTION: Final = re.compile(r"\A-|\A\d[\d.]*[smhd]?\Z")
"""An option of `timeout`, `nice` and the like, or a number that one has."""
_VERSION: Final = re.compile(r"(?<=python3)\.\d+\Z")
_ASSIGNMENT: Final = re.compile(r"\A[A-Za-z_]\w*=")
_LOOK_AHEAD: Final = 2000


def program(command: str) -> str:
    """The first program that a shell command runs, past `cd`, assignments, sudo and the like; `other` if not listed."""
    for part in _SEPARATORS.split(command[:_LOOK_AHEAD]):
        wrapped = False  # behind a program that takes options and runs another one
        for word in part.split():
            bare = word.strip("\"'({")
            if not bare or bare in _SKIPPED or _ASSIGNMENT.match(bare) or (wrapped and _OPTION.match(bare)):
                if bare in _WITH_THE_REST:
                    break
                wrapped |= bare in _SKIPPED
                continue
            if bare[0] == "#":
                break
            name = _VERSION.sub("", bare.rsplit("/", 1)[-1])
            return name if name in PROGRAMS else OTHER
    return OTHER
