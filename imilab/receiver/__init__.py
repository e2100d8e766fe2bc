"""The webhook: verify, store raw, answer. 200 means that the receipt is on the disk."""

from imilab.receiver.app import RECEIPTS_PATH, Receiver
from imilab.receiver.bodies import MAX_BODY_BYTES

__all__ = ["MAX_BODY_BYTES", "RECEIPTS_PATH", "Receiver"]
