"""Log records that carry the hash of the one before them and a signature, and their verification.

Nothing here reads the store or the settings: who verifies has a file of records and a public key, and needs no more.
"""

from .files import Found, read
from .form import Seal, canonical, digest, plain
from .keys import Key, KeyTrouble, is_signed, public_of
from .verify import Chain, Fault, Report, verify
from .witness import Ask, WitnessTrouble

__all__ = [
    "Ask",
    "Chain",
    "Fault",
    "Found",
    "Key",
    "KeyTrouble",
    "Report",
    "Seal",
    "WitnessTrouble",
    "canonical",
    "digest",
    "is_signed",
    "plain",
    "public_of",
    "read",
    "verify",
]
