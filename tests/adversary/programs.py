"""Random requests, from a seed."""

from model import Request

KEYS = [b"a", b"b", b"c", b"session:" + b"d" * 60, b"k" * 250]
ODD_VALUES = (b"", b"\r\n", b"$5", b"END\r\n", b"*1\r\n$4\r\nPING\r\n", b"x" * 300, b"y" * 20000)


class Maker:
    """Makes units for a protocol's speaker. `known` says what versions have been told for a key."""

    def __init__(self, rng, known, keys=KEYS):
        self.rng, self.known, self.keys = rng, known, keys
        self.made = 0

    def value(self):
        """One that no other request carries."""
        self.made += 1
        return b"%d:" % self.made + self.rng.choice(ODD_VALUES)

    def request(self, speaker, verbs=None):
        verb = self.rng.choice(verbs or speaker.VERBS)
        if verb == "bad":
            return Request(verb, value=self.rng.choice(speaker.BAD))
        if verb == "len":
            return Request(verb)
        key = self.rng.choice(self.keys)
        value = self.value() if verb in ("put", "append", "extend") else b""
        return Request(verb, key, value, self.condition(speaker, verb, key))

    def condition(self, speaker, verb, key):
        """Half of all PUTs have one; the text protocol takes them with DELETE and TOUCH, too."""
        if verb not in ("put", "delete", "touch") or verb != "put" and speaker.__name__ != "Text":
            return None
        wanted = self.rng.choice((None, None, None) + speaker.CONDITIONS)
        if wanted == "version":
            return max(1, self.known(key) + self.rng.choice((0, 0, 0, 1 << 40)))
        return wanted

    def unit(self, speaker, verbs=None):
        requests = tuple(self.request(speaker, verbs) for _ in range(self.rng.choice((1, 1, 1, 1, 2, 3))))
        if len(requests) > 1 and speaker.combines(requests):
            return requests
        return requests[:1]
