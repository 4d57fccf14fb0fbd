"""hooks/hooks.json: the plugin's hooks, one and the same command for each event that `install` registers, too."""

from __future__ import annotations

import json
from typing import Final

from hookspan.catalogue.claude_code import CLAUDE_CODE
from hookspan.clients.claude_code.handlers import matcher_group

# The relay if `hookspan install` or a wheel has put it there, else main.py; without hookspan the event is read and
# dropped, and so is one without its state folder, where nothing of ours has been set up. A shell finds both at each
# event: the plugin's files don't know whose HOME they are in.
_FINDS_ITS_RELAY: Final = """\
b="${XDG_DATA_HOME:-$HOME/.local/share}/hookspan/bin" s="${XDG_STATE_HOME:-$HOME/.local/state}/hookspan";
[ -x "$b/hookspan-relay" ] && exec "$b/hookspan-relay" "$s";
m="$b/main.py"; [ -r "$m" ] || m="$CLAUDE_PLUGIN_ROOT/main.py";
[ -d "$s" ] && [ -r "$m" ] && p=$(command -v python3) && exec "$p" -I -S "$m" "$s";
exec cat >/dev/null"""


def hooks() -> str:
    """The file's text: a line for each event."""
    group = json.dumps([matcher_group(["/bin/sh", "-c", _FINDS_ITS_RELAY.replace("\n", " ")])])
    events = ",\n".join(f'    "{event}": {group}' for event in CLAUDE_CODE.registered)
    return f'{{\n  "hooks": {{\n{events}\n  }}\n}}\n'
