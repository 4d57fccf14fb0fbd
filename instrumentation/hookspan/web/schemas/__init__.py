"""The types of the API's answers, from which answers are encoded and the OpenAPI document is made.

Times are Unix milliseconds and durations milliseconds, both with a fraction: what JavaScript's Date takes. Nanoseconds
don't fit its numbers.

One list for its users, `schemas.Session`; `make generate` writes it, in this order, to the page's `lib/types.d.ts`.
"""
# ruff: noqa: F403 - a list of names here would say each type twice

from hookspan.web.schemas.common import *
from hookspan.web.schemas.conversation import *
from hookspan.web.schemas.cost import *
from hookspan.web.schemas.friction import *
from hookspan.web.schemas.health import *
from hookspan.web.schemas.log import *
from hookspan.web.schemas.receipts import *
from hookspan.web.schemas.search import *
from hookspan.web.schemas.sessions import *
from hookspan.web.schemas.settings import *
from hookspan.web.schemas.spans import *
from hookspan.web.schemas.summary import *
from hookspan.web.schemas.told import *
