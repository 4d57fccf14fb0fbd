"""Verifies chains: which record was changed, dropped, moved or added.

The order of a chain is its sequence, not that of the file: Collectors send in batches, several at once, and again what
they are not sure of. So a record that stands twice, unchanged, or behind a later one, is told and is no fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hookspan.catalogue import attributes as sc
from hookspan.catalogue import logs
from hookspan.catalogue.enums import AuditGap, AuditStart

from .files import Found
from .form import Seal, canonical, digest, values
from .keys import is_signed
from .witness import Ask, chains_of, kept

CHANGED: Final = "changed"
DROPPED: Final = "dropped"
ADDED: Final = "added"
REWRITTEN: Final = "rewritten"
UNREADABLE: Final = "unreadable"
MISSING_MAX: Final = 10_000_000  # records; more are not looked at one by one, whatever a machine claims to have sent


class Fault(NamedTuple):
    """What is wrong with a record.

    `sequence` is its place in `chain` (0 and empty where it has none), `where` its file and line, `kind` one of the
    words of this module, `what` a phrase.
    """

    chain: str
    sequence: int
    kind: str
    what: str
    where: str = ""


@dataclass(slots=True)
class Chain:
    """What was found of a chain.

    Attributes:
        id: Its name.
        key: The public key that it is signed with; empty where none is known.
        began: Why it began, empty where its first record is not there.
        first: Sequence of the first record that is there.
        last: Sequence of the last.
        head: SHA-256 of the last.
        at: Time of the last, Unix nanoseconds.
        records: How many there are, each once.
        repeats: How many stand there once more, unchanged.
        moved: How many stand behind a later one; `moved_first` is the sequence of the first such.
        gaps: Records that are missing and said to be, by the reason.
        witnessed: How many a store that was asked has, too, or names the hash of in the next one; of `unwitnessed` it
            knows nothing.
    """

    id: str
    key: str = ""
    began: str = ""
    first: int = 0
    last: int = 0
    head: str = ""
    at: int = 0
    records: int = 0
    repeats: int = 0
    moved: int = 0
    moved_first: int = 0
    gaps: Counter[str] = field(default_factory=Counter)
    witnessed: int = 0
    unwitnessed: int = 0


class Report(NamedTuple):
    """All chains, in order of their first appearance, and all faults, the first one first.

    Of `unsealed` records, of a time without a chain, nothing is proven.
    """

    chains: list[Chain]
    faults: list[Fault]
    unsealed: int


class _Record(NamedTuple):
    seal: Seal
    digest: str
    at: int
    where: str
    told: dict[str, object]  # attributes of those records that tell of a chain itself


class _Told(NamedTuple):
    first: int
    last: int
    missing: int
    reason: str
    key: str  # of the chain that tells it


def verify(
    found: Iterable[Found],
    keys: Collection[str] = (),
    *,
    since: int = 0,
    heads: Collection[str] = (),
    against: Ask | None = None,
) -> Report:
    """What became of records.

    Args:
        found: Those of the files, in their order.
        keys: Public keys that are trusted. Without any, each chain is taken to be of the key that it names itself:
            whoever rewrote all of it has put his own there, so it has to be compared.
        since: Unix nanoseconds: what was before is not missed, nor looked at for faults.
        heads: SHA-256 of records that somebody noted, and that must be there.
        against: A store that has these records, too, to compare them with.

    Raises KeyTrouble without the library, and WitnessTrouble where the store does not answer.
    """
    return _Verification(keys, since, heads).run(found, against)


class _Verification:
    def __init__(self, keys: Collection[str], since: int, heads: Collection[str]) -> None:
        self._keys, self._since, self._heads = keys, since, heads
        self._faults: list[Fault] = []
        self._sealed: dict[str, list[tuple[Seal, bytes, _Record]]] = defaultdict(list)
        self._unsealed: list[tuple[int, str]] = []
        self._good: dict[str, dict[int, _Record]] = {}
        self._claimed: dict[str, set[int]] = defaultdict(set)  # places that a changed record says it has
        self._told: dict[str, list[_Told]] = defaultdict(list)
        self._excused: Counter[tuple[str, _Told]] = Counter()  # how many missing records each gap accounts for by now

    def run(self, found: Iterable[Found], against: Ask | None) -> Report:
        for one in found:
            self._take(one)
        chains = [self._check(chain, records) for chain, records in self._sealed.items()]
        self._sealed.clear()
        for chain in chains:
            if self._good[chain.id]:
                self._link(chain)
        if against is not None:
            self._compare(chains, against)
        unsealed = self._judge_unsealed(chains)
        there = {record.digest for records in self._good.values() for record in records.values()}
        lacking = [head for head in self._heads if head not in there]
        self._faults += [Fault("", 0, DROPPED, f"the head {head} is not there") for head in lacking]
        order = {chain.id: place for place, chain in enumerate(chains)}
        self._faults.sort(key=lambda fault: (order.get(fault.chain, len(order)), fault.sequence))
        return Report([chain for chain in chains if chain.records], self._faults, unsealed)

    def _take(self, one: Found) -> None:
        if one.record is None:
            self._faults.append(Fault("", 0, UNREADABLE, one.trouble, one.where))
            return
        try:
            at = int(one.record.get("timeUnixNano", 0))
            attributes = values(one.record)
            form = canonical(one.record)
            seal = Seal.read(attributes)
            event = one.record.get("eventName")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._faults.append(Fault("", 0, CHANGED, f"it is no record of hookspan: {error}", one.where))
            return
        if seal is not None:
            told = dict[str, object](attributes) if event in {logs.AUDIT_START.name, logs.AUDIT_GAP.name} else {}
            told |= {"event": event} if told else {}
            record = _Record(seal, digest(form), at, one.where, told)
            self._sealed[seal.chain].append((seal, form, record))
        elif any(key.startswith(sc.AUDIT_PREFIX) for key in attributes):
            self._faults.append(Fault("", 0, CHANGED, "its seal is broken", one.where))
        elif one.ours:
            self._unsealed.append((at, one.where))

    def _check(self, name: str, records: list[tuple[Seal, bytes, _Record]]) -> Chain:
        """Signatures, and who stands twice."""
        chain, good = Chain(name), self._good.setdefault(name, {})
        chain.key = self._key_of(records)
        newest = 0
        for seal, form, record in records:
            if not (chain.key and is_signed(form, seal.signature, chain.key)):
                self._claimed[name].add(seal.sequence)
                if record.at >= self._since:
                    what = "its signature is of other content" if chain.key else "no trusted key signed it"
                    self._faults.append(Fault(name, seal.sequence, CHANGED, what, record.where))
                continue
            before = good.setdefault(seal.sequence, record)
            if before is not record:
                chain.repeats += before.digest == record.digest
                if before.digest != record.digest:
                    what = f"two different records have this place, both signed; the other is {before.where}"
                    self._faults.append(Fault(name, seal.sequence, REWRITTEN, what, record.where))
                continue
            if seal.sequence < newest:
                chain.moved += 1
                chain.moved_first = chain.moved_first or seal.sequence
            newest = max(newest, seal.sequence)
            self._note(chain, record)
        if good:
            chain.first, chain.last, chain.records = min(good), max(good), len(good)
            chain.head, chain.at = good[chain.last].digest, good[chain.last].at
            chain.began = str(good[1].told.get(sc.AUDIT_REASON, "")) if 1 in good else ""
        return chain

    def _key_of(self, records: list[tuple[Seal, bytes, _Record]]) -> str:
        named = [str(record.told[sc.AUDIT_KEY]) for _, _, record in records if sc.AUDIT_KEY in record.told]
        for key in self._keys or named:
            if any(is_signed(form, seal.signature, key) for seal, form, _ in records):
                return key
        return ""

    def _note(self, chain: Chain, record: _Record) -> None:
        told = record.told
        if told.get("event") == logs.AUDIT_GAP.name:
            gap = _Told(
                int(str(told[sc.AUDIT_FIRST])),
                int(str(told[sc.AUDIT_LAST])),
                int(str(told[sc.AUDIT_MISSING])),
                str(told[sc.AUDIT_REASON]),
                chain.key,
            )
            self._told[str(told[sc.AUDIT_BEFORE])].append(gap)

    def _link(self, chain: Chain) -> None:
        """What is missing between records, and whether each names the one before."""
        good = self._good[chain.id]
        start = next((number for number in sorted(good) if good[number].at >= self._since), chain.last + 1)
        expected = start if self._since else 1
        before: _Record | None = good.get(expected - 1)
        for number in sorted(good):
            record = good[number]
            if number < expected:
                continue
            if number > expected:
                self._miss(chain, expected, number - 1)
            elif before is not None and record.seal.previous != before.digest:
                self._faults.append(
                    Fault(chain.id, number, REWRITTEN, "it names another record as the one before", record.where)
                )
            before, expected = record, number + 1
        if 1 in good and good[1].at >= self._since:
            self._continue(chain, good[1])

    def _continue(self, chain: Chain, start: _Record) -> None:
        """A chain that goes on from another has to be where that ended."""
        former = start.told.get(sc.AUDIT_BEFORE)
        if former is None:
            return
        end, records = int(str(start.told[sc.AUDIT_BEFORE_SEQUENCE])), self._good.get(str(former), {})
        beyond = [number for number in records if number > end]
        if beyond:
            what = f"its chain ended at {end}, as {chain.id} says"
            self._faults.append(Fault(str(former), min(beyond), ADDED, what, records[min(beyond)].where))
        last = max((number for number in records if number <= end), default=0)
        if last < end:
            self._miss(Chain(str(former)), last + 1, end)
        elif start.seal.previous != records[end].digest:
            self._faults.append(Fault(chain.id, 1, REWRITTEN, "it names another end of the chain before", start.where))

    def _miss(self, chain: Chain, first: int, last: int) -> None:
        """Records that are not there: told, changed, or dropped."""
        if last - first >= MISSING_MAX:
            self._faults.append(Fault(chain.id, first, DROPPED, f"{first}..{last} is not there"))
            return
        missing = set(range(first, last + 1)) - self._claimed[chain.id]
        told = (gap for gap in self._told[chain.id] if gap.key == chain.key)  # nobody tells of another's
        for gap in sorted(told, key=lambda gap: gap.last - gap.first):
            inside = sorted(number for number in missing if gap.first <= number <= gap.last)
            inside = inside[: gap.missing - self._excused[chain.id, gap]]
            missing -= set(inside)
            self._excused[chain.id, gap] += len(inside)
            chain.gaps[gap.reason] += len(inside)
        for begin, end in _runs(sorted(missing)):
            whole = f"{begin}..{end}" if end > begin else f"{begin}"
            self._faults.append(Fault(chain.id, begin, DROPPED, f"{whole} is not there, and no gap is told"))

    def _compare(self, chains: list[Chain], ask: Ask) -> None:
        """With what a store has of them, and of other chains of the same keys."""
        keys = {*self._keys, *(chain.key for chain in chains if chain.key)}
        names = {chain.id for chain in chains} | chains_of(ask, keys, self._since)
        there: dict[str, dict[int, set[str]]] = {name: defaultdict(set) for name in names}
        for one in kept(ask, names, self._since):
            if one.at >= self._since:
                there[one.chain][one.sequence].add(one.signature)
        for chain in chains:
            self._compare_chain(chain, there.pop(chain.id))
        for name, places in sorted(there.items()):
            if places:
                what = f"the store has {len(places)} records of this chain, and none is here"
                self._faults.append(Fault(name, min(places), DROPPED, what))

    def _compare_chain(self, chain: Chain, there: dict[int, set[str]]) -> None:
        good = {place: one for place, one in self._good[chain.id].items() if one.at >= self._since}
        for place, signatures in sorted(there.items()):
            record = good.get(place)
            if len(signatures) > 1:
                self._faults.append(Fault(chain.id, place, REWRITTEN, "the store has two different ones of this place"))
            elif record is not None and record.seal.signature not in signatures:
                what = "the store was sent another one"
                self._faults.append(Fault(chain.id, place, REWRITTEN, what, record.where))
        told = [gap for gap in self._told[chain.id] if gap.key == chain.key and gap.reason != AuditGap.REJECTED]
        lacking = there.keys() - self._good[chain.id].keys() - self._claimed[chain.id]
        lacking = {place for place in lacking if not any(gap.first <= place <= gap.last for gap in told)}
        for begin, end in _runs(sorted(lacking)):
            whole = f"{begin}..{end}" if end > begin else f"{begin}"
            self._faults.append(Fault(chain.id, begin, DROPPED, f"{whole} is not here, and the store has it"))
        # What the store lost itself, or has not got yet, is proven if the next one names its hash and is proven.
        follower: _Record | None = None
        for place in sorted(good, reverse=True):
            record = good[place]
            names_it = follower is not None and follower.seal[1:3] == (place + 1, record.digest)
            proven = names_it or record.seal.signature in there.get(place, ())
            chain.witnessed += proven
            chain.unwitnessed += not proven
            follower = record if proven else None

    def _judge_unsealed(self, chains: list[Chain]) -> int:
        """Records without a seal are of a time without a chain, or were added."""
        innocent = 0
        times: list[tuple[int, int]] = []
        for chain in chains:
            start = self._good[chain.id].get(1)
            if start is not None and chain.began in {AuditStart.FIRST, AuditStart.SWITCHED_ON}:
                former = self._good.get(str(start.told.get(sc.AUDIT_BEFORE)), {})
                since = former[max(former)].at if former else 0
                times.append((since, start.at))
        for at, where in self._unsealed:
            if at < self._since or any(since <= at <= until for since, until in times):
                innocent += 1
            else:
                self._faults.append(Fault("", 0, ADDED, "it has no seal", where))
        return innocent


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Consecutive ones, as first and last."""
    first = None
    for place, number in enumerate(numbers):
        first = number if first is None else first
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            yield first, number
            first = None
