"""Sending: the plan, the guards, the pace, and the state machine that never calls twice."""

from __future__ import annotations

from imilab.send.arms import Arm, planned_call
from imilab.send.dispatcher import Dispatcher
from imilab.send.guards import Arming
from imilab.send.plan import Plan
from imilab.send.planning import make_plan, new_correlation_id
from imilab.send.recipients import read_recipients
from imilab.send.reconcile import ReconcileSummary, reconcile
from imilab.send.sender import Sender
from imilab.send.summary import SendSummary

__all__ = [
    "Arm",
    "Arming",
    "Dispatcher",
    "Plan",
    "ReconcileSummary",
    "SendSummary",
    "Sender",
    "make_plan",
    "new_correlation_id",
    "planned_call",
    "read_recipients",
    "reconcile",
]
