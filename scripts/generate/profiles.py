"""The customer master: what the shop knows of the people behind the numbers, a file a quarter.

All people are made up. Their e-mail addresses are in the domain `canary.example`, which no mail server can have, and
each address holds the number of its customer: a search for it finds every copy of the data of one person. Phone numbers
are of the range that Ofcom keeps for drama, and no real postcode begins with QX.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from scripts.generate.chance import Ints, Stream, generator
from scripts.generate.customers import NEVER, Customers
from scripts.generate.dirt import Fault, edit, set_to, with_spoilt
from scripts.generate.invoices import Batch
from scripts.generate.plan import Day, Plan, add_months, end_of, month_number

FOLDER = "customers"
MONTHS_A_FILE = 3
DOMAIN = "canary.example"

FIRST_NAMES = tuple(
    """
    Ada Amir Beatrix Chidi Clara Dafydd Elif Esme Farid Greta Hamish Ines Ivo Jonas Keira Lakshmi Lorcan Maeve Milo
    Nadia Niamh Olga Owen Priya Quentin Rosa Rhys Saoirse Tariq Una Viktor Wanda Xenia Yusuf Zara Zoë
    """.split()  # noqa: SIM905  # a list of them would be forty lines
)
LAST_NAMES = tuple(
    """
    Abara Ashdown Barrowclough Bellweather Cairncross Dewhurst Ellerby Fairweather Garside Hathersage Ibbotson Jellicoe
    Kettlewell Lockwood Merriweather Nettleton O'Rafferty Postlethwaite Quill Ravenscroft Satterthwaite
    Thistlewood Underhay Vance Winterbourne Yarwood Zielinski-Moss
    """.split()  # noqa: SIM905  # a list of them would be thirty lines
)
STREETS = (
    "Canary Row",
    "Lantern Lane",
    "Teacup Terrace",
    "Bunting Street",
    "Doily Drive",
    "Trinket Way",
    "Heart Close",
)

HEADER = (
    "CustomerID", "Name", "Email", "Phone", "Address", "Postcode", "BirthYear", "MarketingConsent", "RegisteredAt",
    "EffectiveDate", "RecordedAt",
)  # fmt: skip

# What changes a profile: the share of customers to whom it happens, once each.
CHANGES = {"moves": 0.06, "consent": 0.08, "email": 0.03, "phone": 0.02, "name": 0.01}
CORRECTED = 0.02  # rows that the next file corrects
REPEATED_AT_ONCE, REPEATED_LATER = (
    0.01,
    0.02,
)  # rows that stand twice in a file, and rows that stand in the next file, too
NO_EMAIL, NO_PHONE, NO_BIRTH_YEAR, CONSENT_AT_FIRST = 0.02, 0.10, 0.15, 0.45
RECORDED_LATE, MOST_DAYS_LATE = 0.05, 60
ROWS_FOR_EVERY_FAULT = 200
TOLD = 50  # customers in truth.json

# How often a value is worn in a way. What cannot be mended is missing.
EMAIL_WEAR = (
    ("as it is", 0.92),
    ("upper", 0.03),
    ("blanks", 0.03),
    ("without @", 0.01),
    ("two", 0.005),
    ("n/a", 0.005),
)
GOOD_EMAILS = ("as it is", "upper", "blanks")
CONSENTS = {True: ("yes", "Y", "true", "1"), False: ("no", "N", "false", "0")}
UNREADABLE_CONSENT, IMPOSSIBLE_BIRTH_YEAR = 0.003, 0.003

# The reasons are in the warehouse's words. The faults take turns.
FAULTS: list[Fault] = [
    ("customer_id_not_an_integer", set_to("CustomerID", "GUEST")),
    ("effective_date_not_a_date", edit("EffectiveDate", lambda text: f"{text[:4]}-02-30")),
    ("customer_id_missing", set_to("CustomerID", " ")),
    ("recorded_at_not_a_timestamp", set_to("RecordedAt", "yesterday")),
]
REASONS = sorted({reason for reason, _ in FAULTS})


class Profile(NamedTuple):
    """What is true of a customer from a day on, as a warehouse must find it; None where nothing can be known."""

    name: str
    email: str | None
    phone: str | None
    address: str
    postcode: str
    birth_year: int | None
    consent: bool | None


class Entry(NamedTuple):
    """A row of the master: a profile, from when it holds, when it was written down, and how."""

    customer_id: int
    effective: date
    recorded_at: datetime
    registered_at: datetime
    profile: Profile
    written: tuple[str | None, ...] = ()


class CustomerMaster:
    """Writes the master for the customers that it sees buy."""

    def __init__(self, plan: Plan, customers: Customers) -> None:
        self.plan = plan
        self.customers = customers
        self.first_day: Ints = np.full(len(customers.ids), NEVER)
        self.dates = {day.index: day.date for day in plan.days}
        self.files: dict[str, int] = {}
        self.reasons = dict.fromkeys(REASONS, 0)
        self.faults: Iterator[Fault] = cycle(FAULTS)
        self.entries: list[Entry] = []
        self.repeated = 0

    def see(self, batch: Batch, day: Day) -> None:
        """Note who buys on a day. Customers register on the day of their first invoice."""
        present = batch.customer[batch.customer >= 0]
        self.first_day[present] = np.minimum(self.first_day[present], day.index)

    def write(self, folder: Path) -> None:
        """Write the files. Each holds what was recorded in its quarter, the last one also what was recorded later."""
        (folder / FOLDER).mkdir()
        for place in np.flatnonzero(self.first_day < NEVER).tolist():
            self.entries += self._life(place)
        files = -(-self.plan.settings.months // MONTHS_A_FILE)
        quarters: list[list[Entry]] = [[] for _ in range(files)]
        for entry in sorted(self.entries, key=lambda entry: (entry.recorded_at, entry.customer_id)):
            months = month_number(entry.recorded_at.date(), self.plan.settings.start)
            quarters[min(months // MONTHS_A_FILE, files - 1)].append(entry)
        before: list[Entry] = []
        for quarter, entries in enumerate(quarters):
            self._write_file(folder, quarter, entries, before)
            before = entries

    def as_dict(self) -> dict[str, Any]:
        """Return the truth as it is written to `truth.json`."""
        lives: dict[int, dict[date, Entry]] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.recorded_at):
            lives.setdefault(entry.customer_id, {})[entry.effective] = entry
        versions = {customer: _versions(life) for customer, life in sorted(lives.items())}
        return {
            "raw_rows": sum(self.files.values()),
            "files": len(self.files),
            "rows_by_file": self.files,
            "unusable": self.reasons,
            "repeated_rows": self.repeated,
            "customers": len(versions),
            "versions": sum(map(len, versions.values())),
            "without_email": sum(of_one[-1].profile.email is None for of_one in versions.values()),
            "accept_marketing": sum(bool(of_one[-1].profile.consent) for of_one in versions.values()),
            "current": [
                {
                    "customer_id": customer,
                    **of_one[-1].profile._asdict(),
                    "valid_from": of_one[-1].effective.isoformat(),
                    "versions": len(of_one),
                }
                for customer, of_one in list(versions.items())[:TOLD]
            ],
        }

    def _life(self, place: int) -> Iterator[Entry]:
        """Yield all entries of a customer: the first one, what changed, and what corrects an entry."""
        rng = generator(self.plan.settings.seed, Stream.PROFILES, place)
        customer, first = int(self.customers.ids[place]), self.dates[int(self.first_day[place])]
        registered_at = datetime.combine(first, time(6, int(rng.integers(60)), int(rng.integers(60))))
        profile = _draw_profile(rng, customer)
        for effective, change in [(first, ""), *self._changes(rng, place, first)]:
            profile = _changed(rng, customer, profile, change)
            late = int(rng.integers(1, MOST_DAYS_LATE)) if rng.random() < RECORDED_LATE else int(rng.integers(2))
            recorded_at = datetime.combine(
                effective, time(9 + int(rng.integers(9)), int(rng.integers(60)))
            ) + timedelta(late)
            corrected_at = recorded_at + timedelta(30 * MONTHS_A_FILE + int(rng.integers(20)))
            if rng.random() < CORRECTED and corrected_at.date() < end_of(self.plan.settings):
                wrong = profile._replace(name=profile.name[1:], postcode="QX0 0QX")
                yield _written(rng, Entry(customer, effective, recorded_at, registered_at, wrong))
                recorded_at = corrected_at
            yield _written(rng, Entry(customer, effective, recorded_at, registered_at, profile))

    def _changes(self, rng: np.random.Generator, place: int, first: date) -> list[tuple[date, str]]:
        """Draw what changes and when, at most one change a day. A move abroad is a change of address."""
        days = max(1, (end_of(self.plan.settings) - first).days - 1)
        drawn = rng.random(len(CHANGES)) < list(CHANGES.values())
        changes = {
            first + timedelta(int(rng.integers(1, days + 1))): change
            for change, happens in zip(CHANGES, drawn, strict=True)
            if happens
        }
        abroad = [int(move) for move in self.customers.moves[place] if self.first_day[place] < move < NEVER]
        for move in abroad:
            day = next((day for index, day in self.dates.items() if index >= move), None)
            changes |= {day: "moves"} if day else {}
        return sorted((day, change) for day, change in changes.items() if first < day < end_of(self.plan.settings))

    def _write_file(self, folder: Path, quarter: int, entries: list[Entry], before: list[Entry]) -> None:
        """Write the file of a quarter: CSV from the till, and every other one as JSON Lines from the web shop."""
        rng = generator(self.plan.settings.seed, Stream.PROFILES, len(self.customers.ids), quarter)
        if not entries:
            return
        again = [entry for entry in before if rng.random() < REPEATED_LATER]
        at_once = [entry for entry in entries if rng.random() < REPEATED_AT_ONCE]
        self.repeated += len(again) + len(at_once)
        rows = pl.DataFrame(
            [_row(entry) for entry in [*entries, *again, *at_once]], schema=dict.fromkeys(HEADER, pl.String)
        )
        rows = self._spoil(rng, rows)
        day = min(add_months(self.plan.settings.start, (quarter + 1) * MONTHS_A_FILE), end_of(self.plan.settings))
        name = f"{FOLDER}/{day}.{'jsonl' if quarter % 2 else 'csv'}"
        with (folder / name).open("wb") as file:
            if quarter % 2:
                file.writelines(
                    f"{json.dumps(row, ensure_ascii=False)}\n".encode() for row in rows.iter_rows(named=True)
                )
            else:
                rows.write_csv(file)
        self.files[name] = len(rows)

    def _spoil(self, rng: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
        """Add unusable rows."""
        share, written = self.plan.settings.unusable_share, sum(self.files.values()) + len(rows)
        wanted = round(written * share)
        if share and written >= ROWS_FOR_EVERY_FAULT:
            wanted = max(wanted, len(REASONS))
        count = min(len(rows), max(0, wanted - sum(self.reasons.values())))
        rows, reasons = with_spoilt(rows, np.sort(rng.integers(0, len(rows), count)), self.faults)
        for reason in reasons:
            self.reasons[reason] += 1
        return rows


def _draw_profile(rng: np.random.Generator, customer: int) -> Profile:
    name = f"{_one_of(rng, FIRST_NAMES)} {_one_of(rng, LAST_NAMES)}"
    return Profile(
        name=name,
        email=None if rng.random() < NO_EMAIL else _email(name, customer),
        phone=None if rng.random() < NO_PHONE else _phone(rng),
        address=_address(rng),
        postcode=_postcode(rng),
        birth_year=None if rng.random() < NO_BIRTH_YEAR else int(rng.integers(1925, 1992)),
        consent=bool(rng.random() < CONSENT_AT_FIRST),
    )


def _changed(rng: np.random.Generator, customer: int, profile: Profile, change: str) -> Profile:
    match change:
        case "moves":
            return profile._replace(address=_address(rng), postcode=_postcode(rng))
        case "consent":
            return profile._replace(consent=not profile.consent)
        case "email":
            return profile._replace(email=_email(f"new {profile.name}", customer))
        case "phone":
            return profile._replace(phone=_phone(rng))
        case "name":
            return profile._replace(name=f"{profile.name.split()[0]} {_one_of(rng, LAST_NAMES)}")
    return profile


def _written(rng: np.random.Generator, entry: Entry) -> Entry:
    """Write an entry down: worn, and with what cannot be read, which then nobody can know."""
    profile = entry.profile
    wear = EMAIL_WEAR[int(rng.choice(len(EMAIL_WEAR), p=[share for _, share in EMAIL_WEAR]))][0]
    email = _worn_email(profile.email, wear)
    birth_year = None if profile.birth_year is None else str(profile.birth_year)
    consent = _one_of(rng, CONSENTS[bool(profile.consent)])
    meant = profile._replace(email=profile.email if wear in GOOD_EMAILS else None)
    if rng.random() < IMPOSSIBLE_BIRTH_YEAR:
        birth_year, meant = "1811", meant._replace(birth_year=None)
    if rng.random() < UNREADABLE_CONSENT:
        consent, meant = "maybe", meant._replace(consent=None)
    phone = None if profile.phone is None else profile.phone.replace(profile.phone[3], f" {profile.phone[3]}", 1)
    written = (profile.name, email, phone, profile.address, profile.postcode, birth_year, consent)
    return entry._replace(profile=meant, written=written)


def _row(entry: Entry) -> dict[str, str | None]:
    dates = (str(entry.registered_at), entry.effective.isoformat(), str(entry.recorded_at))
    return dict(zip(HEADER, (str(entry.customer_id), *entry.written, *dates), strict=True))


def _versions(life: dict[date, Entry]) -> list[Entry]:
    """Return the versions of a customer: of neighbours that are equal, the first."""
    found: list[Entry] = []
    for _, entry in sorted(life.items()):
        if not found or found[-1].profile != entry.profile:
            found.append(entry)
    return found


def _worn_email(email: str | None, wear: str) -> str | None:
    if email is None:
        return None
    return {
        "upper": email.upper(),
        "blanks": f"  {email} ",
        "without @": email.replace("@", " at "),
        "two": f"{email}; {email}",
        "n/a": "n/a",
    }.get(wear, email)


def _email(name: str, customer: int) -> str:
    words = "".join(letter if letter.isascii() and letter.isalpha() else " " for letter in name.lower()).split()
    return f"{'.'.join(words)}.c{customer}@{DOMAIN}"


def _phone(rng: np.random.Generator) -> str:
    return f"+447700900{int(rng.integers(1000)):03d}"


def _address(rng: np.random.Generator) -> str:
    return f"{int(rng.integers(1, 400))} {_one_of(rng, STREETS)}"


def _postcode(rng: np.random.Generator) -> str:
    return f"QX{int(rng.integers(1, 99))} {int(rng.integers(10))}{_one_of(rng, 'ABDEFGH')}{_one_of(rng, 'JLNPQRS')}"


def _one_of(rng: np.random.Generator, values: "tuple[str, ...] | str") -> str:
    return values[int(rng.integers(len(values)))]
