from __future__ import annotations

import pytest

from quality.checks import CHECKS, run_checks
from tests.quality.clean_tables import clean_table

TABLES = 30
BY_DESIGN = ("L",)  # people who are right nine times in ten do contradict each other
ASKED = [c.code for c in CHECKS.values() if c.family in "ABRO" and c.family not in BY_DESIGN]


@pytest.fixture(scope="module")
def alarms() -> dict[int, list[tuple[str, str]]]:
    """What was found in each clean table: code and severity."""
    muted = {code: "not asked here" for code in CHECKS if code not in ASKED}
    return {
        seed: [(o.code, o.severity) for o in run_checks(clean_table(seed), muted=muted)
               if o.status in ("found", "failed")]
        for seed in range(TABLES)
    }  # fmt: skip


def test_one_clean_table_in_twenty_at_most_has_a_warning(
    alarms: dict[int, list[tuple[str, str]]],
) -> None:
    """At that rate more than four of thirty would be seen once in 64 runs."""
    warned = [found for found in alarms.values() if {severity for _, severity in found} - {"info"}]
    assert len(warned) <= 4, warned


def test_notes_are_seldom_too(alarms: dict[int, list[tuple[str, str]]]) -> None:
    """Only what holds for a table as it is: classes may be rare, and six answers divided."""
    facts = {"B401", "B403", "O602", "A105"}
    noted = [found for found in alarms.values() if {code for code, _ in found} - facts]
    assert len(noted) <= TABLES / 10, noted


def test_every_check_of_these_families_was_asked_and_ran() -> None:
    outcomes = {o.code: o.status for o in run_checks(clean_table(0)) if o.code in ASKED}
    assert set(outcomes.values()) <= {"passed", "found", "not applicable"}
    assert [code for code, status in outcomes.items() if status == "not applicable"] == []
