"""The orders of the demo shop: realistic, nested, about 2 KB each, and the same for the same seed.

Orders are numbered from 1001 and come in days of 58: 50 are paid, 8 are not. On the first day, and
on every fifth after it, one paid order lacks its postcode; on the first it is order 1042.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any
from unicodedata import normalize

from redrive.core import jsonvalue

FIRST_ID = 1001
FIRST_DAY = datetime(2026, 11, 2, tzinfo=UTC)
ORDERS_PER_DAY = 58
PAID_PER_DAY = 50
NO_POSTCODE_PLACE = 41
NO_POSTCODE_EVERY_DAYS = 5

_UNPAID = ("pending", "authorized", "refunded", "voided")
_FIRST_NAMES = (
    "Ada", "Zoë", "Idris", "Maja", "Tom", "Priya", "Seán", "Lucía", "Olu", "Hannah", "Jürgen", "Mei",
)  # fmt: skip
_LAST_NAMES = (
    "Okafor", "Lindqvist", "O'Neill", "Müller", "Patel", "Garcia-Vance", "Brown", "Nowak", "Sato", "Ferrari",
)  # fmt: skip
_PLACES = (
    ("London", "Greater London", "EC1V 9HL", "United Kingdom", "GB"),
    ("Leeds", "West Yorkshire", "LS1 4AP", "United Kingdom", "GB"),
    ("Bristol", "Bristol", "BS1 5TY", "United Kingdom", "GB"),
    ("Dublin", "Leinster", "D02 X285", "Ireland", "IE"),
    ("Köln", "Nordrhein-Westfalen", "50667", "Germany", "DE"),
    ("Lyon", "Auvergne-Rhône-Alpes", "69002", "France", "FR"),
    ("Utrecht", "Utrecht", "3511 LN", "Netherlands", "NL"),
)
_STREETS = (
    "High Street",
    "Mill Lane",
    "Station Road",
    "Church Walk",
    "Hafenweg",
    "Rue Mercière",
    "Oudegracht",
)
_GOODS = (
    ("MUG-BLU-350", "Stoneware mug", "blue, 350 ml", "19.90", 410),
    ("TEA-EGR-100", "Earl Grey, loose leaf", "100 g tin", "8.50", 165),
    ("PAN-CST-026", "Cast iron pan", "26 cm", "64.00", 3120),
    ("TWL-LIN-2PK", "Linen tea towels", "set of two", "14.25", 180),
    ("KNF-PAR-009", "Paring knife", "9 cm", "22.10", 95),
    ("BRD-OAK-LRG", "Oak chopping board", "large", "38.00", 1850),
    ("JAR-GLS-1L0", "Storage jar", "1.0 l", "6.75", 620),
    ("APR-DNM-STD", "Denim apron", "one size", "29.99", 340),
)
_TAGS = ("vip", "gift", "wholesale", "first-order", "newsletter", "fragile")
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"


class Orders:
    """`count` orders, made when they are asked for: a shop of a million starts as fast as one of ten."""

    def __init__(self, count: int = 2000, seed: int = 7) -> None:
        self.count = count
        self.seed = seed
        self.encoded = lru_cache(maxsize=20_000)(self._encoded)

    def place(self, order_id: str) -> int | None:
        """The place of the order with this id, from 0; None if there is none."""
        place = int(order_id) - FIRST_ID if order_id.isdecimal() else -1
        return place if 0 <= place < self.count else None

    def places(self, filters: Mapping[str, str]) -> range | list[int]:
        """The places of the orders that the filters `order_id`, `day`, `financial_status` leave.

        `order_id` names one order, and then nothing else is looked at. Raises `ValueError` on a day
        that is none.
        """
        if order_id := filters.get("order_id"):
            place = self.place(order_id)
            return [] if place is None else [place]
        chosen = range(self.count)
        if day := filters.get("day"):
            nth = (datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) - FIRST_DAY).days
            start, stop = (max(nth + n, 0) * ORDERS_PER_DAY for n in (0, 1))
            chosen = chosen[start:stop]
        if status := filters.get("financial_status"):
            return [place for place in chosen if self.status(place) == status]
        return chosen

    def status(self, place: int) -> str:
        day, number = divmod(place, ORDERS_PER_DAY)
        return _day_statuses(self.seed, day)[number]

    def _encoded(self, place: int) -> bytes:
        return jsonvalue.encode(self.order(place))

    def order(self, place: int) -> dict[str, Any]:
        day, number = divmod(place, ORDERS_PER_DAY)
        random = Random(self.seed * 1_000_003 + place)  # noqa: S311 - made-up orders, no secret
        first, last = random.choice(_FIRST_NAMES), random.choice(_LAST_NAMES)
        created = FIRST_DAY + timedelta(days=day, hours=6, minutes=17 * number + random.randrange(17))
        email = f"{_plain(first)}.{_plain(last)}{random.randrange(90) + 10}@example.com"
        address = _address(random, f"{first} {last}")
        if day % NO_POSTCODE_EVERY_DAYS == 0 and number == NO_POSTCODE_PLACE:
            address["postcode"] = ""
        lines = [_line(random, place, n) for n in range(random.choice((1, 2, 2, 3, 4)))]
        goods = sum((line["total"] for line in lines), Decimal(0))
        shipping = Decimal(random.choice(("0.00", "3.50", "4.95")))
        order_id = FIRST_ID + place
        return {
            "id": order_id,
            "name": f"#{order_id}",
            "token": f"{random.getrandbits(128):032x}",
            "created_at": created.isoformat(),
            "updated_at": (created + timedelta(minutes=3)).isoformat(),
            "financial_status": self.status(place),
            "fulfillment_status": None,
            "currency": "GBP" if address["country_code"] == "GB" else "EUR",
            "email": email,
            "tags": sorted(random.sample(_TAGS, random.randrange(3))),
            "note": random.choice((None, None, "Please leave with a neighbour.", "Gift: no invoice, please")),
            # Shops spell money both ways: text here, a number with its last zero there.
            "subtotal_price": str(goods),
            "shipping_price": str(shipping),
            "total_price": goods + shipping,
            "discount_codes": [],
            "tax_lines": [{"title": "VAT", "rate": Decimal("0.20"), "price": str(_tax(goods + shipping))}],
            "total_tax": _tax(goods + shipping),
            "customer": {
                # Greater than 2**53: whoever reads it as a float loses the last digits.
                "id": 7_400_000_000_000_000_000 + random.randrange(10**15),
                "first_name": first,
                "last_name": last,
                "email": email,
                "phone": f"+4477009{random.randrange(100_000):05d}",
                "orders_count": random.randrange(1, 30),
                "total_spent": f"{random.randrange(1000, 90_000) / 100:.2f}",
                "accepts_marketing": random.random() < 0.4,
            },
            "billing_address": {**address, "postcode": address["postcode"] or "LS1 4AP"},
            "shipping_address": address,
            "line_items": lines,
            "shipping_lines": [{"title": "Standard, 2-3 days", "code": "STD", "price": str(shipping)}],
            "landing_site": "/collections/kitchen?utm_source=newsletter&utm_medium=email",
            "source_name": "web",
            "payment_gateway": random.choice(("card", "paypal", "invoice")),
            "client_details": {"browser_ip": f"192.0.2.{random.randrange(1, 255)}", "user_agent": _AGENT},
        }


@lru_cache(maxsize=4096)
def _day_statuses(seed: int, day: int) -> tuple[str, ...]:
    random = Random(seed * 1_000_033 + day)  # noqa: S311 - made-up orders, no secret
    others = [place for place in range(ORDERS_PER_DAY) if place != NO_POSTCODE_PLACE]
    unpaid = set(random.sample(others, ORDERS_PER_DAY - PAID_PER_DAY))
    return tuple(random.choice(_UNPAID) if place in unpaid else "paid" for place in range(ORDERS_PER_DAY))


def _plain(name: str) -> str:
    letters = normalize("NFKD", name).encode("ascii", "ignore").decode()
    return letters.lower().replace("'", "")


def _tax(gross: Decimal) -> Decimal:
    return (gross / 6).quantize(Decimal("0.01"))


def _address(random: Random, name: str) -> dict[str, Any]:
    city, province, postcode, country, code = random.choice(_PLACES)
    return {
        "name": name,
        "company": None,
        "address1": f"{random.randrange(1, 240)} {random.choice(_STREETS)}",
        "address2": random.choice(("", "", "Flat 3", "2nd floor")),
        "city": city,
        "province": province,
        "postcode": postcode,
        "country": country,
        "country_code": code,
    }


def _line(random: Random, place: int, number: int) -> dict[str, Any]:
    sku, title, variant, price, grams = random.choice(_GOODS)
    quantity = random.choice((1, 1, 1, 2, 3))
    return {
        "id": 9_000_000 + place * 10 + number,
        "sku": sku,
        "title": title,
        "variant_title": variant,
        "quantity": quantity,
        "price": price,
        "total": quantity * Decimal(price),
        "grams": grams,
        "taxable": True,
        "requires_shipping": True,
        "vendor": "Kettle & Crane",
        "properties": [],
    }
