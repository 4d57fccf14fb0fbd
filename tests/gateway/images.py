"""The images of the gateway's docker-compose.yml that the stack doesn't have, made of real programs.

HAProxy and Java are this machine's packages (Debian's HAProxy is older than the image's), Kafka comes from Maven. How
Kafka's image starts is written after its own: its class KafkaDockerWrapper makes the configuration of the variables.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.gateway.fleet import ONE_COMPILER
from tests.stack import programs
from tests.stack.docker import BUSYBOX, IMAGES, Image, victoria

STUB = "libpthread.so.0"
KAFKA_USER = 1000  # appuser
HAPROXY_USER = 99
JAVA = "/opt/java/openjdk"
WGET = "/usr/bin/wget"  # these images are Alpine's
JVM_LEFT_OUT = {"src.zip", "ct.sym"}
RUN_CLASS = f"exec java ${{KAFKA_HEAP_OPTS:--Xmx256m}} {ONE_COMPILER} -cp '/opt/kafka/libs/*'"
KAFKA_RUN = f"""#!/bin/sh
said=$({RUN_CLASS.removeprefix("exec ")} kafka.docker.KafkaDockerWrapper setup \\
    --default-configs-dir /etc/kafka/docker --mounted-configs-dir /mnt/shared/config \\
    --final-configs-dir /opt/kafka/config 2>&1) ||
    case $said in *"already formatted"*) ;; *) echo "$said"; exit 1 ;; esac
{RUN_CLASS} kafka.Kafka /opt/kafka/config/server.properties
"""
KAFKA_TOPICS = f'#!/bin/sh\n{RUN_CLASS} org.apache.kafka.tools.TopicCommand "$@"\n'


def gateway_images() -> tuple[Image, ...]:
    """All that the compose file needs, under the names and tags that it has."""
    collector, jaeger, _, alertmanager, *stores = IMAGES
    return collector, jaeger, alertmanager, *stores, victoria("victoria-metrics"), _haproxy(), _kafka()


def _haproxy() -> Image:
    binary = Path(shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") or "/usr/sbin/haproxy")
    return Image(
        "haproxy:3.0.11-alpine",
        {"/usr/local/sbin/haproxy": binary, WGET: BUSYBOX, **libraries(binary)},
        HAPROXY_USER,
        {"/var/lib/haproxy": HAPROXY_USER},
        workdir="/var/lib/haproxy",
        command=("-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"),
    )


def _kafka() -> Image:
    home = Path(shutil.which("java") or "/usr/bin/java").resolve().parents[1]
    jars = (programs.folder("kafka") / "libs").iterdir()
    shell = Path("/bin/sh").resolve()
    own = [
        path
        for folder in ("bin", "lib", "conf")
        for path in (home / folder).rglob("*")
        if path.is_file() and path.name not in JVM_LEFT_OUT and (folder != "bin" or path.name == "java")
    ]
    return Image(
        f"apache/kafka:{programs.PROGRAMS['kafka'].version}",
        {
            "/__cacert_entrypoint.sh": b'#!/bin/sh\nexec "$@"\n',
            "/etc/kafka/docker/run": KAFKA_RUN.encode(),
            "/bin/sh": shell,
            "/usr/bin/nc": BUSYBOX,
            "/opt/kafka/bin/kafka-topics.sh": KAFKA_TOPICS.encode(),
            **{f"/opt/kafka/libs/{jar.name}": jar for jar in jars},
            **{f"{JAVA}/{path.relative_to(home)}": path for path in own},
            **libraries(shell, home / "bin" / "java", *(path for path in own if path.suffix == ".so")),
        },
        KAFKA_USER,
        {
            "/tmp": KAFKA_USER,
            "/opt/kafka/config": KAFKA_USER,
            "/mnt/shared/config": KAFKA_USER,
            "/etc/kafka/secrets": KAFKA_USER,
            "/var/lib/kafka/data": KAFKA_USER,
        },
        ("/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"),
        command=("/etc/kafka/docker/run",),
        variables={"JAVA_HOME": JAVA, "PATH": f"{JAVA}/bin:/usr/local/bin:/usr/bin:/bin"},
    )


def libraries(*binaries: Path) -> dict[str, Path]:
    """The shared libraries that binaries need, by the path at which they are looked for."""
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE)
    # What Kafka's codecs were linked with is nowadays in libc, and empty files beside it.
    found += [str(Path(path).with_name(STUB)) for path in found if path.endswith("/libc.so.6")]
    return {path: Path(path) for path in found if not path.startswith("/usr/lib/jvm/")}
