"""The platform, emulated over real HTTP with real webhooks, and the seeded people it calls."""

from __future__ import annotations

from imilab.simulator.hosting import SimulatedPlatform
from imilab.simulator.listening import Listening, Message
from imilab.simulator.magic import MAGIC, Magic
from imilab.simulator.people import DAYTIME_HOURS, Fate, People
from imilab.simulator.placed_call import CallEvent, PlacedCall
from imilab.simulator.platform import Simulator
from imilab.simulator.settings import SIMULATOR_KEY, PeopleSettings, SimulatorSettings

__all__ = [
    "DAYTIME_HOURS",
    "MAGIC",
    "SIMULATOR_KEY",
    "CallEvent",
    "Fate",
    "Listening",
    "Magic",
    "Message",
    "People",
    "PeopleSettings",
    "PlacedCall",
    "SimulatedPlatform",
    "Simulator",
    "SimulatorSettings",
]
