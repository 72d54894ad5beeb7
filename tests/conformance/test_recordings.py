# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The twin answers, changes and tells as the recorded xapi did."""

from __future__ import annotations

import pytest

from tests.conformance.recording import Recording, recordings
from tests.conformance.replay import replay

RECORDINGS = list(recordings())


@pytest.mark.parametrize("recording", RECORDINGS, ids=[recording.name for recording in RECORDINGS])
def test_twin_does_what_was_recorded(recording: Recording) -> None:
    outcome = replay(recording)
    assert outcome.steps == len(recording.steps)
    assert outcome.different == []
