"""`keys` and `users`: who may come in."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leadqual.cli.help_text import example, new_group
from leadqual.cli.options import AsJson
from leadqual.cli.output import emit, note, now, table
from leadqual.errors import InputError

if TYPE_CHECKING:
    from leadqual.services.access import NewKey
    from leadqual.services.calls import Scope

_keys = new_group("keys", "API keys: secret keys for servers, form keys for public pages.")
_users = new_group("users", "People who log in to the queue pages.")


PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Read the password from standard input; else a random one."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    _keys.command(
        epilog=example(
            "leadqual keys create --name crm --scopes leads:write,leads:read",
            "leadqual keys create --name site --form --origins https://www.example.com",
        )
    )(create)
    _keys.command("list", epilog=example("leadqual keys list"))(list_keys)
    _keys.command(epilog=example("leadqual keys revoke 3"))(revoke)
    _keys.command(epilog=example("leadqual keys rotate 3"))(rotate)
    _users.command(epilog=example("leadqual users add ada --role mrr"))(add)
    _users.command("list", epilog=example("leadqual users list"))(list_users)
    _users.command(epilog=example("leadqual users password ada"))(password)
    _users.command(epilog=example("leadqual users deactivate ada"))(deactivate)
    app.add_typer(_keys)
    app.add_typer(_users)


def create(
    *,
    scopes: Annotated[
        str, typer.Option(help="Comma-separated, such as leads:write,leads:read; or `all`.")
    ] = "",
    name: Annotated[str, typer.Option(help="What uses the key.")] = "command line",
    form: Annotated[bool, typer.Option("--form", help="A form key: creates leads only.")] = False,
    origins: Annotated[
        str, typer.Option(help="Pages a form key may be used from, comma-separated.")
    ] = "",
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day + 1 (UTC).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key; it is shown once and kept only as a hash."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    if form == bool(scopes):
        raise InputError("give either --scopes for a secret key or --form for a form key")
    call = call_of_operator(now())
    end = None if expires is None else expires.replace(tzinfo=UTC)
    with open_desk() as desk:
        made = (
            desk.keys.create_form(name, _split(origins), call=call, expires_at=end)
            if form
            else desk.keys.create_secret(name, _scopes(scopes), call=call, expires_at=end)
        )
    _show_new(made, as_json=as_json)


def list_keys(*, as_json: AsJson = False) -> None:
    """List keys without their secrets."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    with open_desk() as desk:
        views = desk.keys.list(call=call_of_operator(now()))
    documents = [
        {**asdict(view), "scopes": sorted(view.scopes), "kind": view.kind.value} for view in views
    ]
    names = ("key_id", "prefix", "kind", "name", "expires_at", "revoked_at", "last_used_at")
    rows = [[document[name] for name in names] for document in documents]
    emit({"keys": documents}, as_json=as_json, text=table(names, rows))


def revoke(
    key_id: Annotated[str, typer.Argument(help="Id that `leadqual keys list` shows.")],
    *,
    as_json: AsJson = False,
) -> None:
    """End a key now."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    with open_desk() as desk:
        view = desk.keys.revoke(key_id, call=call_of_operator(now()))
    emit(
        {"key_id": view.key_id, "revoked_at": view.revoked_at},
        as_json=as_json,
        text=f"key {view.key_id} ({view.name}) is revoked",
    )


def rotate(
    key_id: Annotated[str, typer.Argument(help="Id that `leadqual keys list` shows.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a successor with the same rights; the old key works for one more day."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    with open_desk() as desk:
        made = desk.keys.rotate(key_id, call=call_of_operator(now()))
    _show_new(made, as_json=as_json)


def add(
    username: Annotated[str, typer.Argument(help="Name to log in with.")],
    *,
    role: Annotated[str, typer.Option(help="mrr, sdr, ae, am, leader, ops, scientist or admin.")],
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Add a person who may log in to the queue pages; a random password is shown once."""
    from leadqual.services.calls import Role
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    known = [name.value for name in Role]
    if role not in known:
        raise InputError(f"no such role; the roles are: {', '.join(known)}")
    chosen = _read_password() if password_stdin else _random_password()
    with open_desk() as desk:
        view = desk.people.add_user(username, chosen, role=Role(role), call=call_of_operator(now()))
    shown = {} if password_stdin else {"password": chosen}
    told = "" if password_stdin else f", password {chosen} (shown once)"
    emit(
        {"username": view.username, "role": view.role.value, **shown},
        as_json=as_json,
        text=f"user {view.username} has the role {view.role.value}{told}",
    )


def password(
    username: Annotated[str, typer.Argument(help="Name that `leadqual users list` shows.")],
    *,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Give a person a new password and log them out everywhere; a random one is shown once."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    chosen = _read_password() if password_stdin else _random_password()
    with open_desk() as desk:
        view = desk.people.set_password(username, chosen, call=call_of_operator(now()))
    shown = {} if password_stdin else {"password": chosen}
    told = "" if password_stdin else f": {chosen} (shown once)"
    emit(
        {"username": view.username, "is_active": view.is_active, **shown},
        as_json=as_json,
        text=f"user {view.username} has a new password{told}",
    )
    if not view.is_active and not as_json:
        note(f"note: {view.username} is locked out and stays so")


def deactivate(
    username: Annotated[str, typer.Argument(help="Name that `leadqual users list` shows.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Lock a person out and end their sessions now; what they did stays."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    with open_desk() as desk:
        view = desk.people.deactivate(username, call=call_of_operator(now()))
    emit(
        {"username": view.username, "is_active": view.is_active},
        as_json=as_json,
        text=f"user {view.username} is locked out",
    )


def list_users(*, as_json: AsJson = False) -> None:
    """List who may log in."""
    from leadqual.services.desk import open_desk
    from leadqual.services.workshop import call_of_operator

    with open_desk() as desk:
        views = desk.people.list(call=call_of_operator(now()))
    rows = [
        (view.username, view.role.value, "" if view.is_active else "inactive") for view in views
    ]
    emit(
        {"users": [{**asdict(view), "role": view.role.value} for view in views]},
        as_json=as_json,
        text=table(("user", "role", ""), rows),
    )


def _show_new(made: NewKey, *, as_json: bool) -> None:
    emit(
        {
            "key": made.secret,
            "key_id": made.key.key_id,
            "kind": made.key.kind.value,
            "scopes": sorted(made.key.scopes),
            "origins": list(made.key.origins),
            "expires_at": made.key.expires_at,
        },
        as_json=as_json,
        text=f"{made.secret}\n(key {made.key.key_id}, shown once: keep it in a safe place)",
    )


def _read_password() -> str:
    import sys

    return sys.stdin.readline().rstrip("\r\n")


def _random_password() -> str:
    import secrets

    return secrets.token_urlsafe(12)


def _scopes(text: str) -> list[Scope]:
    from leadqual.services.calls import Scope

    known = [scope.value for scope in Scope]
    names = known if text.strip() == "all" else _split(text)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"no such scope: {', '.join(unknown)}; the scopes are: {', '.join(known)}")
    return [Scope(name) for name in names]


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
