"""The real backend programs, built once from their own source through the Go module proxy; Kafka's jars by Maven.

Those that read traces of language models are Python: each in an environment of its own, made by uv from the registry.

No image registry is needed. A binary is cached outside the checkout, under
`${HOOKSPAN_TEST_CACHE:-~/.cache/hookspan-test}/<program>-<version>/`, so a version change builds anew and nothing
else does. Run `python -m tests.stack.programs [NAME ...]` to build ahead of the tests (all of them take about
15 minutes on two cores).
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cache import cache

ROOT = Path(__file__).resolve().parents[2]
BUILDER_MANIFEST = ROOT / "collector" / "builder.yaml"
KAFKA_MANIFEST = Path(__file__).with_name("kafka-pom.xml")
CASSANDRA_MANIFEST = Path(__file__).with_name("cassandra-pom.xml")
OPENSEARCH_MANIFEST = Path(__file__).with_name("opensearch-pom.xml")

HINTS = {
    "go": "Go 1.26 or newer is needed to build the real Collector, Jaeger, Prometheus and others\n\n"
    "hint: install it from https://go.dev/dl/ (`tar -C /usr/local -xzf go1.26.*.tar.gz`) and put "
    "`/usr/local/go/bin` on PATH",
    "mvn": "Maven is needed to fetch Apache Kafka, Apache Cassandra and OpenSearch\n\nhint: `apt-get install maven`",
}
LAID_OUT = "laid-out.db"
"""In the folder of a program that keeps its data in SQLite: its database, empty."""
GCFLAGS = "all=-dwarf=false"
"""The compiler describes nothing to debuggers, which the linker would leave out: a quarter less of a processor. It is
the same for all programs, which share what is compiled."""
LOG_TAIL = 4000  # characters of a failed build's output that the error shows


class MissingToolError(RuntimeError):
    """A tool that builds the programs is not on this machine; the message says how to get it."""


class BuildError(RuntimeError):
    """A build step failed; the message holds the command and the end of its output."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program: the folder it is cached in is `name-key`; `build(out, work)` leaves `binaries` in `out`."""

    name: str
    version: str
    binaries: tuple[str, ...]
    build: Callable[[Path, Path], None]
    manifest: Path | None = None  # a file whose content decides what is built, besides the version
    tool: str = "go"  # what builds it

    @property
    def key(self) -> str:
        """The version, and a hash of the manifest where there is one."""
        if self.manifest is None:
            return self.version
        return f"{self.version}-{hashlib.sha256(self.manifest.read_bytes()).hexdigest()[:12]}"

    @property
    def folder(self) -> Path:
        """Where the built binaries lie."""
        return cache() / f"{self.name}-{self.key}"


def _run(work: Path, *command: str, **env: str) -> None:
    if shutil.which(command[0]) is None:
        raise MissingToolError(HINTS.get(command[0], f"`{command[0]}` is not on this machine"))
    # Tests have a home each: without these every build would load and compile what all of them share.
    shared = {"GOMODCACHE": str(cache() / "go-mod"), "GOCACHE": str(cache() / "go-build")}
    # The compiler collects its garbage less often: a fifth less of a processor.
    go = {"CGO_ENABLED": "0", "GOGC": "400", **shared}
    # Niced: a build must not starve the tests or the editor beside it. In CI the longest groups of tests wait for it.
    niced = () if os.environ.get("CI") == "true" else ("nice", "-n", "10")
    process = subprocess.run(
        [*niced, *command],
        cwd=work,
        env={**os.environ, **go, "GOFLAGS": f"-modcacherw -buildvcs=false -gcflags={GCFLAGS}", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode:
        msg = f"`{' '.join(command)}` exited {process.returncode}:\n{process.stdout[-LOG_TAIL:]}"
        raise BuildError(msg)


def _collector(manifest: Path, builder: str) -> Callable[[Path, Path], None]:
    def build(out: Path, work: Path) -> None:
        _run(work, "go", "install", f"go.opentelemetry.io/collector/cmd/builder@{builder}", GOBIN=str(work))
        shutil.copy(manifest, work / "builder.yaml")
        _run(work, str(work / "builder"), "--skip-strict-versioning", "--gcflags", GCFLAGS, "--config", "builder.yaml")
        (binary,) = (path for path in (work / "_build").iterdir() if path.name.startswith("otelcol") and path.is_file())
        binary.rename(out / "otelcol")

    return build


def _go_commands(
    module: str, tag: str, commands: dict[str, str], ldflags: str = "", tags: str = ""
) -> Callable[[Path, Path], None]:
    """Build binaries by name from the packages below `module` that `commands` gives for each, with build tags."""

    def build(out: Path, work: Path) -> None:
        # `go get -tool` in an empty module, because `go install path@tag` refuses modules with replace directives.
        _run(work, "go", "mod", "init", "hookspan.dev/tools")
        packages = {name: f"{module}/{command}" for name, command in commands.items()}
        _run(work, "go", "get", "-tool", *(f"{package}@{tag}" for package in packages.values()))
        for name, package in packages.items():
            flags = ("-trimpath", f"-ldflags=-s -w {ldflags}", f"-tags={tags}")
            _run(work, "go", "build", *flags, "-o", str(out / name), package)

    return build


def _jars(name: str, manifest: Path, options: str = "") -> Callable[[Path, Path], None]:
    """The jars of a Maven project, and a script `name` that runs one of their main classes."""

    def build(out: Path, work: Path) -> None:
        shutil.copy(manifest, work / "pom.xml")
        _run(work, "mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={out / 'libs'}")
        script = out / name
        script.write_text(f'#!/bin/sh\nexec java {options}${name.upper()}_JAVA -cp "$(dirname "$0")/libs/*" "$@"\n')
        script.chmod(0o755)

    return build


def _package(requirement: str, lay_out: Sequence[str]) -> Callable[[Path, Path], None]:
    """A package of Python's registry in an environment of its own, which may be moved; by the uv of our own.

    `lay_out` are the words after `python` that make an empty database at the path that DATABASE stands for: that takes
    longer than all that is done with it later, so that `laid-out.db` beside the program is copied.
    """

    def build(out: Path, work: Path) -> None:
        uv = str(Path(sys.executable).with_name("uv"))
        settings = {"UV_CACHE_DIR": str(cache() / "uv"), "UV_HTTP_TIMEOUT": "180"}
        _run(work, uv, "venv", "-q", "--relocatable", "--python", sys.executable, str(out), **settings)
        install = ("pip", "install", "-q", "--python", str(out / "bin" / "python"))
        _run(work, uv, *install, requirement, **settings)
        words = (word.replace("DATABASE", f"sqlite:///{out / LAID_OUT}") for word in lay_out)
        _run(work, str(out / "bin" / "python"), *words, HOME=str(work))

    return build


# What Cassandra reaches of Java's own packages.
_CASSANDRA_OPENS = "".join(
    f"--add-{how} {module}=ALL-UNNAMED "
    for how, modules in {
        "opens": (
            *(f"java.base/java.{name}" for name in ("io", "lang", "lang.reflect", "net", "nio", "util")),
            *(f"java.base/java.util.{name}" for name in ("concurrent", "concurrent.atomic", "concurrent.locks")),
            *(f"java.base/jdk.internal.{name}" for name in ("ref", "reflect", "math", "module", "util.jar")),
            "java.base/sun.nio.ch",
            "jdk.management/com.sun.management.internal",
        ),
        "exports": (
            *(f"java.base/jdk.internal.{name}" for name in ("misc", "ref", "perf")),
            "java.base/sun.nio.ch",
            *(f"java.rmi/sun.rmi.{name}" for name in ("registry", "server", "transport.tcp")),
            "java.management.rmi/com.sun.jmx.remote.internal.rmi",
            "jdk.attach/sun.tools.attach",
        ),
    }.items()
    for module in modules
)
_PROMETHEUS = "3.16.0"
_ALERTMANAGER = "0.29.0"
_COMPOSE = "5.0.1"
_VICTORIA_METRICS = "1.151.0"
_VICTORIA_LOGS = "1.52.1"
_KUSTOMIZE = "5.8.1"
_HELM = "3.21.4"
_CRANE = "0.22.1"
_PHOENIX = "20.26.1"
_PHOENIX_LAYS_OUT = (
    "-c",
    "from phoenix.db import engines; engines.create_engine('DATABASE', migrate=True)",
)
_MLFLOW = "3.17.2"
_MLFLOW_LAYS_OUT = ("-m", "mlflow", "db", "upgrade", "DATABASE")
PROGRAMS = {
    program.name: program
    for program in (
        Program("otelcol", "0.159.0", ("otelcol",), _collector(BUILDER_MANIFEST, "v0.159.0"), BUILDER_MANIFEST),
        # Module tag v1.76.0 is release 2.13.0; later tags lack the /v2 of the module path and can't be fetched.
        Program(
            "jaeger",
            "2.13.0",
            ("jaeger",),
            _go_commands("github.com/jaegertracing/jaeger", "v1.76.0", {"jaeger": "cmd/jaeger"}),
        ),
        Program(
            "prometheus",
            _PROMETHEUS,
            ("prometheus", "promtool"),
            _go_commands(
                "github.com/prometheus/prometheus",
                "v0.316.0",
                {"prometheus": "cmd/prometheus", "promtool": "cmd/promtool"},
                f"-X github.com/prometheus/common/version.Version={_PROMETHEUS}",
                tags="remove_all_sd",  # the clients of twenty clouds, to find targets in them
            ),
        ),
        Program(
            "alertmanager",
            _ALERTMANAGER,
            ("alertmanager", "amtool"),
            _go_commands(
                "github.com/prometheus/alertmanager",
                f"v{_ALERTMANAGER}",
                {"alertmanager": "cmd/alertmanager", "amtool": "cmd/amtool"},
                f"-X github.com/prometheus/common/version.Version={_ALERTMANAGER}",
            ),
        ),
        # Without its plugin's folder: it is run by itself, as `docker-compose`.
        Program(
            "compose",
            _COMPOSE,
            ("docker-compose",),
            _go_commands(
                "github.com/docker/compose/v5",
                f"v{_COMPOSE}",
                {"docker-compose": "cmd"},
                f"-X github.com/docker/compose/v5/internal.Version=v{_COMPOSE}",
            ),
        ),
        Program("kafka", "4.1.1", ("kafka",), _jars("kafka", KAFKA_MANIFEST), KAFKA_MANIFEST, tool="mvn"),
        Program(
            "cassandra",
            "5.0.6",
            ("cassandra",),
            _jars("cassandra", CASSANDRA_MANIFEST, _CASSANDRA_OPENS),
            CASSANDRA_MANIFEST,
            tool="mvn",
        ),
        Program(
            "opensearch",
            "2.19.6",
            ("opensearch",),
            _jars("opensearch", OPENSEARCH_MANIFEST),
            OPENSEARCH_MANIFEST,
            tool="mvn",
        ),
        Program(
            "victoria-metrics",
            _VICTORIA_METRICS,
            ("victoria-metrics",),
            _go_commands(
                "github.com/VictoriaMetrics/VictoriaMetrics",
                f"v{_VICTORIA_METRICS}",
                {"victoria-metrics": "app/victoria-metrics"},
            ),
        ),
        Program(
            "vmalert",
            _VICTORIA_METRICS,
            ("vmalert",),
            _go_commands(
                "github.com/VictoriaMetrics/VictoriaMetrics", f"v{_VICTORIA_METRICS}", {"vmalert": "app/vmalert"}
            ),
        ),
        Program(
            "victoria-logs",
            _VICTORIA_LOGS,
            ("victoria-logs",),
            _go_commands(
                "github.com/VictoriaMetrics/VictoriaLogs",
                f"v{_VICTORIA_LOGS}",
                {"victoria-logs": "app/victoria-logs"},
            ),
        ),
        Program(
            "kustomize",
            _KUSTOMIZE,
            ("kustomize",),
            _go_commands("sigs.k8s.io/kustomize/kustomize", f"v{_KUSTOMIZE}", {"kustomize": "v5"}),
        ),
        Program(
            "helm",
            _HELM,
            ("helm",),
            _go_commands(
                "helm.sh/helm/v3",
                f"v{_HELM}",
                {"helm": "cmd/helm"},
                f"-X helm.sh/helm/v3/internal/version.version=v{_HELM}",
            ),
        ),
        # A registry of images, and what puts some into it.
        Program(
            "crane",
            _CRANE,
            ("crane",),
            _go_commands("github.com/google/go-containerregistry", f"v{_CRANE}", {"crane": "cmd/crane"}),
        ),
        Program(
            "phoenix", _PHOENIX, ("bin/phoenix",), _package(f"arize-phoenix=={_PHOENIX}", _PHOENIX_LAYS_OUT), tool="uv"
        ),
        Program("mlflow", _MLFLOW, ("bin/mlflow",), _package(f"mlflow=={_MLFLOW}", _MLFLOW_LAYS_OUT), tool="uv"),
    )
}


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file closes, a killed builder's too
        yield


def cached(tool: str = "go") -> bool:
    """Whether every program that a tool builds is built already."""
    return all(program.folder.is_dir() for program in PROGRAMS.values() if program.tool == tool)


def folder(name: str) -> Path:
    """Return the folder with the program's binaries, building them first if they aren't cached.

    Two processes that ask at once build once. Raises `MissingToolError` without Go, `BuildError` if a step fails.
    """
    program = PROGRAMS[name]
    if program.folder.is_dir():
        return program.folder
    with _exclusive(cache() / f"{program.name}.lock"):
        if program.folder.is_dir():
            return program.folder
        with tempfile.TemporaryDirectory(prefix=f".{program.name}-", dir=cache()) as scratch:
            out, work = Path(scratch, "out"), Path(scratch, "work")
            out.mkdir()
            work.mkdir()
            program.build(out, work)
            for built in program.binaries:
                if not os.access(out / built, os.X_OK):
                    msg = f"the build of {program.name} left no `{built}`"
                    raise BuildError(msg)
            out.rename(program.folder)
    return program.folder


def binary(name: str) -> Path:
    """Return the path of one binary (`otelcol`, `jaeger`, `prometheus`, `promtool` ...), built if need be."""
    (program,) = (program for program in PROGRAMS.values() if name in program.binaries)
    return folder(program.name) / name


def main(names: list[str]) -> int:
    """Build the named programs, or all, and print where they are."""
    for name in names or list(PROGRAMS):
        if name not in PROGRAMS:
            sys.stderr.write(f"no such program: `{name}` (there are {', '.join(PROGRAMS)})\n")
            return 2
        try:
            sys.stdout.write(f"{folder(name)}\n")
        except (MissingToolError, BuildError) as error:
            sys.stderr.write(f"{name}: {error}\n")
            return 1
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
