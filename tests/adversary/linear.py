"""Is there an order of concurrent requests that explains all replies? Wing and Gong's search, key by key.

A history is a list of events of one key, several clients'. An event takes effect at one moment between its call and
its return; a client's own take effect in the order sent. One without a return (its connection was cut) may take effect
at any time after its call, or never. The search goes by what is left of each client's events and what the session is by
then, and remembers where it has been, so that it ends soon unless the history is wrong.
"""

from collections import defaultdict
from typing import NamedTuple, Optional

from model import Reply, Request, Session, step

NEVER = float("inf")


class Event(NamedTuple):
    client: int
    call: int  # moments are numbers that grow
    returned: float  # NEVER: no reply came
    request: Request
    reply: Optional[Reply]


def outcomes(session, event):
    """What the session may be after it."""
    if event.reply is not None:
        after = step(session, event.request, event.reply)
        return [] if after is None else [after]
    request = event.request
    assert request.condition is None and request.verb in ("put", "delete"), "what is cut off must be simple"
    if request.verb == "put":
        return [session, Session(request.value, None, session.newest)]
    return [session, Session(None, 0, session.newest)]


def explained(events, session):
    """The sessions that the key may end as: none if no order explains the replies."""
    lines = defaultdict(list)
    for event in events:
        lines[event.client].append(event)
    lines = list(lines.values())
    start = ((0,) * len(lines), session)
    visited, todo, ends = {start}, [start], set()
    while todo:
        at, session = todo.pop()
        nexts = [(i, line[at[i]]) for i, line in enumerate(lines) if at[i] < len(line)]
        if not nexts:
            ends.add(session)
        first_return = min((event.returned for _, event in nexts), default=NEVER)
        for i, event in nexts:
            if event.call > first_return:
                continue
            for after in outcomes(session, event):
                place = (at[:i] + (at[i] + 1,) + at[i + 1:], after)
                if place not in visited:
                    visited.add(place)
                    todo.append(place)
    return ends
