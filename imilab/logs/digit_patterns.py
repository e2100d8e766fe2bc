"""Patterns over digits, as phone numbers' metadata has them: how many leading digits of a number they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["DigitPatterns", "PatternSyntaxError"]

_ANY = 0b11_1111_1111  # all ten digits
_MOST_DIGITS = 18

Build = Callable[[int], int]
"""Adds the states of a piece of a pattern before a state, and returns the first of them."""


class PatternSyntaxError(ValueError):
    """A pattern has something in it that is not read here."""


class DigitPatterns:
    r"""Patterns side by side, as states with arrows over sets of digits.

    Parameters
    ----------
    patterns : iterable of str
        Regular expressions of digits, classes of digits, ``\d``, groups, ``|``, ``?``, ``{n,m}`` and ``$``.

    Raises
    ------
    PatternSyntaxError
        A pattern has anything else in it.

    Examples
    --------
    >>> patterns = DigitPatterns([r"7[1-3]\d{3}", r"7400\d"])
    >>> patterns.decisive("71"), patterns.decisive("74"), patterns.may_match("8")
    (2, 4, False)
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._free: list[tuple[int, ...]] = []
        self._arrows: list[tuple[int, int]] = []  # a set of digits, a bit for each, and where it leads
        self._depths: list[int] = []  # how many digits are looked at from a state on
        self._alive: dict[str, frozenset[int]] = {}
        self._end = self.join()
        start = self.join(*(_Reading(pattern, self).build(self._end) for pattern in patterns))
        self._alive[""] = self._reached([start])

    def arrow(self, digits: int, to: int) -> int:
        """Add a state from which some digits lead on."""
        beyond = self._depths[to]
        self._depths.append(1 + beyond if beyond or digits != _ANY else 0)
        self._free.append(())
        self._arrows.append((digits, to))
        return len(self._free) - 1

    def join(self, *to: int) -> int:
        """Add a state from which others are reached without a digit."""
        self._depths.append(max((self._depths[one] for one in to), default=0))
        self._free.append(to)
        self._arrows.append((0, 0))
        return len(self._free) - 1

    def decisive(self, head: str) -> int:
        """Return how many digits any pattern looks at, in numbers that begin with `head`; at least its length."""
        return len(head) + max((self._depths[one] for one in self._after(head)), default=0)

    def may_match(self, head: str) -> bool:
        """Say whether a pattern may match first digits, and not none, of a number that begins with `head`."""
        states = (self._after(head[:end]) for end in range(1, len(head) + 1))
        return any(self._end in alive for alive in states) or bool(self._after(head))

    def _after(self, head: str) -> frozenset[int]:
        """Return the states that a beginning leads to."""
        if head not in self._alive:
            digit = 1 << int(head[-1])
            before = self._after(head[:-1])
            self._alive[head] = self._reached(
                [to for digits, to in map(self._arrows.__getitem__, before) if digits & digit]
            )
        return self._alive[head]

    def _reached(self, states: list[int]) -> frozenset[int]:
        found, waiting = set(states), list(states)
        while waiting:
            for one in self._free[waiting.pop()]:
                if one not in found:
                    found.add(one)
                    waiting.append(one)
        return frozenset(found)


class _Reading:
    """Reads one pattern."""

    def __init__(self, pattern: str, states: DigitPatterns) -> None:
        self._text, self._place, self._states = pattern, 0, states
        self.build = self._choice()
        if self._place != len(pattern):
            raise PatternSyntaxError(pattern)

    def _take(self, text: str) -> bool:
        taken = self._text.startswith(text, self._place)
        self._place += len(text) * taken
        return taken

    def _until(self, end: str) -> str:
        found, ending, _ = self._text[self._place :].partition(end)
        if not ending:
            raise PatternSyntaxError(self._text)
        self._place += len(found) + 1
        return found

    def _choice(self) -> Build:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return lambda to: self._states.join(*(branch(to) for branch in branches))

    def _sequence(self) -> Build:
        parts: list[Build] = []
        while self._text[self._place : self._place + 1] not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))

        def build(to: int) -> int:
            for part in reversed(parts):
                to = part(to)
            return to

        return build

    def _atom(self) -> Build:
        if self._take("(?:") or (not self._text.startswith("(?", self._place) and self._take("(")):
            inner = self._choice()
            if not self._take(")"):
                raise PatternSyntaxError(self._text)
            return inner
        if self._take("$"):  # taken for a match that may go on: a pattern then looks at more digits, never at fewer
            return lambda to: to
        digits = _ANY if self._take(r"\d") else self._class() if self._take("[") else self._digit()
        return lambda to: self._states.arrow(digits, to)

    def _digit(self) -> int:
        letter = self._text[self._place]
        if not ("0" <= letter <= "9"):
            raise PatternSyntaxError(self._text)
        self._place += 1
        return 1 << int(letter)

    def _class(self) -> int:
        inner, digits, place = self._until("]").replace(r"\d", "0-9"), 0, 0
        if not all("0" <= letter <= "9" or letter == "-" for letter in inner):
            raise PatternSyntaxError(self._text)
        while place < len(inner):
            last = place + 2 if inner[place + 1 : place + 2] == "-" else place
            for digit in range(int(inner[place]), int(inner[last]) + 1):
                digits |= 1 << digit
            place = last + 1
        return digits

    def _repeated(self, part: Build) -> Build:
        if self._take("?"):
            least, most = 0, 1
        elif self._take("{"):
            low, comma, high = self._until("}").partition(",")
            least, most = int(low), int(high) if high else _MOST_DIGITS if comma else int(low)
        else:
            return part

        def build(to: int) -> int:
            end = to
            for count in range(most, 0, -1):
                to = part(to) if count <= least else self._states.join(part(to), end)
            return to

        return build
