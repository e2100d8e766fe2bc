"""The calls that are kept between questions, against folding everything from scratch, whatever happened meanwhile."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.store.receipts import read_times_again
from tests.engine_rig import NOW_MS, Files, add, answered_calls, ask, expected_calls, facts, ledger_of, open_store

IDS = st.sampled_from(
    [("m1", "c1"), ("m2", "c2"), ("m2", ""), ("m3", "c3"), ("", "c1"), ("f1", "shared"), ("f2", "shared")]
)
EVENTS = st.sampled_from(
    [
        ("OFFERED", "7407"),
        ("ANSWERED", "7519"),
        ("RELEASED", ""),
        ("REJECTED", "7402"),
        ("Rejected", ""),
        ("PARKED", "1"),
    ]
)
MOMENTS = st.sampled_from([NOW_MS, NOW_MS + 400, NOW_MS + 2_000, None])
NUMBERS = st.sampled_from(["", "+12025550123", "+12025550124"])
RECEIPTS = st.tuples(IDS, EVENTS, MOMENTS, NUMBERS)


class Kept(RuleBasedStateMachine):
    """Receipts come, are replaced, changed and erased; requests move; imports come; caches break; somebody asks."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store, self.files = open_store(self.folder), Files(self.folder / "archive")
        self.engines = [DuckDBEngine("200MB", show=False) for _ in range(2)]
        self.ledgers = [ledger_of(self.store, self.files, engine) for engine in self.engines]
        self.asked = itertools.count()

    def teardown(self) -> None:
        for engine in self.engines:
            engine.close()
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(
        receipts=st.lists(RECEIPTS, min_size=1, max_size=9),
        source=st.sampled_from(["webhook", "webhook", "poll", "export"]),
    )
    def receipts_come(self, receipts, source) -> None:
        for one in receipts:
            add(self.store, source, **facts(one))

    @rule(
        number=st.sampled_from([1, 2, 3]),
        message=st.booleans(),
        state=st.sampled_from(["planned", "accepted", "rejected"]),
    )
    def a_call_is_asked_for(self, number, message, state) -> None:
        if not self.store.rows("SELECT 1 FROM requests WHERE correlation_id = ?", (f"c{number}",)):
            ask(self.store, f"c{number}", "+12025550123", f"m{number}" if message else None, state)

    @rule(receipts=st.lists(RECEIPTS, min_size=1, max_size=4))
    def an_export_is_imported(self, receipts) -> None:
        self.files.add([facts(one) for one in receipts])

    @rule()
    def the_zone_becomes_known(self) -> None:
        self.store.write(lambda connection: read_times_again(connection, ZoneInfo("Asia/Kolkata")))

    @rule(msisdn=NUMBERS)
    def a_number_is_erased(self, msisdn) -> None:
        change = "UPDATE receipts SET msisdn = '' WHERE msisdn = ?"
        self.store.write(lambda connection: connection.execute(change, (msisdn,)))

    @rule(last=st.booleans())
    def receipts_are_deleted(self, last) -> None:
        which = "max" if last else "min"
        delete = f"DELETE FROM receipts WHERE receipt_id = (SELECT {which}(receipt_id) FROM receipts)"
        self.store.write(lambda connection: connection.execute(delete))

    @rule(data=st.binary(max_size=40), part=st.integers(0, 3))
    def a_kept_file_breaks(self, data, part) -> None:
        kept = sorted(self.folder.glob("lab.sqlite.cache/*"))
        if kept:
            path = kept[part % len(kept)]
            path.write_bytes(data if part % 2 else path.read_bytes()[: len(data)])

    @rule()
    def what_is_kept_is_removed(self) -> None:
        shutil.rmtree(self.folder / "lab.sqlite.cache", ignore_errors=True)

    @rule(which=st.integers(0, 1))
    def a_process_starts_anew(self, which) -> None:
        self.ledgers[which] = ledger_of(self.store, self.files, self.engines[which])

    @invariant()
    def whoever_asks_is_told_the_truth(self) -> None:
        self.ledgers.reverse()
        assert answered_calls(self.ledgers[0]) == expected_calls(self.store, self.files)


TestKept = Kept.TestCase
# No shrinking: a step asks two engines.
TestKept.settings = settings(
    max_examples=int(os.environ.get("IMILAB_KEPT_EXAMPLES", "3")),
    stateful_step_count=10,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
