"""Who it was: `user.id` of the resource, if the settings have it so.

Of a person it says a pseudonym alone, unless the setting is `name`: an HMAC, which who lacks the key can neither make
from a name nor turn back. Nothing of Claude's account is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pwd
from typing import Final

from hookspan.config import Identity
from hookspan.paths import Paths

_PURPOSE: Final = "hookspan user.id\0"  # what a key is used for elsewhere gives no pseudonym
_DIGITS: Final = 32


def of(paths: Paths, identity: Identity) -> dict[str, str]:
    """The attributes of the resource; none if it is off."""
    if identity.user == "off":
        return {}
    login = _login()
    # Without a secret of the team's, the installation's own: random, and in no backup of the settings.
    key = identity.secret.encode() if identity.secret else paths.key.read_bytes()
    pseudonym = hmac.new(key, (_PURPOSE + login).encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
    return {"user.id": pseudonym[:_DIGITS]} | ({"user.name": login} if identity.user == "name" else {})


def _login() -> str:
    """The name of the user as whom the agent runs: by the system, not by a variable that anybody may set."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may give a process a number that no name belongs to
        return str(os.geteuid())
