"""A seeded stream of valid commands: transactions of a few busy customers, labels, and reference updates."""

import random
from datetime import datetime, timedelta, timezone

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
CATEGORIES = ("grocery", "fuel", "travel", "electronics")
# The service must judge event times by the stream's own clock, or a fixed stream would grow too old.
POLICY = 'clock = "stream"\n'


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def transaction(number, seed=1):
    """Transaction `number` of stream `seed`; a pure function, so any part can be sent again."""
    draw = random.Random(seed * 1_000_003 + number)
    facts = {
        "transaction_id": f"t{seed}-{number}",
        "event_time": iso(START + timedelta(seconds=7 * number - draw.choice((0, 0, 0, 0, 300)) + 600)),
        "customer_id": f"c{draw.randrange(60)}",
        "merchant_id": f"m{draw.randrange(25)}",
        "amount": f"{draw.choice((1, 20, 20, 20, 400))}.{draw.randrange(100):02}",
        "currency": "EUR",
        "category": draw.choice(CATEGORIES),
        "country": draw.choice(("DE", "DE", "FR", "US")),
        "channel": draw.choice(("pos", "online")),
        "latitude": round(48 + draw.random() * 4, 5),
        "longitude": round(8 + draw.random() * 4, 5),
    }
    if draw.random() < 0.7:
        facts["device_id"] = f"d{draw.randrange(90)}"
    return facts


def submit(request_id, first, count, seed=1):
    """One message with `count` transactions from `first` on."""
    return {"op": "submit", "id": request_id,
            "transactions": [transaction(n, seed) for n in range(first, first + count)]}


def label(request_id, number, seed=1):
    facts = transaction(number, seed)
    return {"op": "label", "id": request_id,
            "label": {"transaction_id": facts["transaction_id"], "kind": "fraud" if number % 3 == 0 else "genuine",
                      "reported_at": iso(START + timedelta(days=2, seconds=number))}}
