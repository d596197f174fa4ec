"""Logins of people: members of one declared role, with a password of their own."""

import re

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.governance.events.recording import lock_log, record_event
from scripts.governance.roles.declaration import NAME, Role

SHORTEST_PASSWORD = 12
FEWEST_CHARACTERS = 6
RESERVED = ("pg_", "retail_", "postgres")

MEMBERSHIPS = """
    select above.rolname
    from pg_roles
    left join pg_auth_members on pg_roles.oid = pg_auth_members.member
    left join pg_roles as above on pg_auth_members.roleid = above.oid
    where pg_roles.rolname = %s
"""


def refuse_bad_name(name: str) -> None:
    """Refuse a name that is no plain name of a role, or that belongs to the server or to this project.

    Raises:
        Refusal: the name is refused.
    """
    if not NAME.fullmatch(name):
        raise Refusal(f"NAME={name!r} is no name of a user: write lower case letters, digits and underscores.")
    if name.startswith(RESERVED):
        raise Refusal(f"NAME={name!r} is reserved: choose a name that does not begin with {', '.join(RESERVED)}.")


def refuse_bad_role(role_name: str, roles: tuple[Role, ...]) -> None:
    """Refuse a role that roles.yml does not declare, or that is not for people.

    Raises:
        Refusal: the role is refused.
    """
    for_people = [role.name for role in roles if not role.managed_elsewhere]
    if role_name not in for_people:
        raise Refusal(f"ROLE={role_name!r} is no role for people in roles.yml: choose one of {', '.join(for_people)}.")


def refuse_weak_password(password: str, name: str) -> None:
    """Refuse a password that is empty or easily guessed. The message does not repeat it.

    Raises:
        Refusal: the password is refused.
    """
    if not password:
        raise Refusal("the password is empty, so no login was made: type one, or pass it on standard input.")
    if len(password) < SHORTEST_PASSWORD:
        raise Refusal(f"the password is shorter than {SHORTEST_PASSWORD} characters, so no login was made.")
    folded = password.casefold()
    # A counted word is still that word: password1234, annaanna1234.
    bare = re.sub(r"[\W\d_]", "", folded)
    guessable = {"password", "passwort", "retail", "postgres", "qwertyuiop", "letmein", "welcome", "changeme", name}
    if len(set(folded)) < FEWEST_CHARACTERS or name in folded or bare in guessable:
        raise Refusal(
            "the password is easily guessed, so no login was made: avoid the name, common words and repetition."
        )


def make_user(connection: psycopg.Connection[TupleRow], name: str, role_name: str, password: str) -> bool:
    """Create a login that is a member of a role, or give the login of that role a new password.

    The server receives the SCRAM verifier of the password, so the password is in no log of the server. The log of
    events records the login and the role.

    Args:
        connection: of a user who may create roles.
        name: the login.
        role_name: the role whose rights it gets.
        password: its password.

    Returns:
        Whether the login is new.

    Raises:
        Refusal: the role does not exist yet, or the name belongs to another role.
    """
    with connection.transaction():
        lock_log(connection)
        if not connection.execute("select from pg_roles where rolname = %s", [role_name]).fetchall():
            raise Refusal(f"the role {role_name} does not exist yet: run `make roles` first.")
        above = [found for (found,) in connection.execute(MEMBERSHIPS, [name]).fetchall()]
        if above and above != [role_name]:
            held = ", ".join(found for found in above if found) or "no role"
            raise Refusal(
                f"the user {name} exists as a member of {held}, so nothing changed: "
                "choose another name, or drop it first."
            )
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        user, role = sql.Identifier(name), sql.Identifier(role_name)
        if above:
            connection.execute(sql.SQL("alter role {} password {}").format(user, sql.Literal(verifier)))
        else:
            connection.execute(sql.SQL("create role {} login password {}").format(user, sql.Literal(verifier)))
            connection.execute(sql.SQL("grant {} to {} with inherit true, set false").format(role, user))
        record_event(connection, "user made", name, {"role": role_name, "is_new": not above})
    return not above
