"""``imilab import``, ``imports`` and ``rejects``: export logs into the archive, and what became of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    from imilab.logs import Mapping

__all__ = ["Remote", "import_logs", "imports", "rejects", "remote_options"]

Remote = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="NAME=VALUE for s3:// or sftp://, such as endpoint_url, profile, key_filename or username; repeatable."
        " Leave secrets to a profile, a key file or the environment.",
    ),
]
_SIGNS = {"tab": "\t", "\\t": "\t"}


def import_logs(
    path: Annotated[str, typer.Argument(help="File, folder, pattern, s3://... or sftp://...")],
    mapping: Annotated[str | None, typer.Option(help="Name of a saved profile.")] = None,
    tz: Annotated[str | None, typer.Option(help="IANA zone of times without one.")] = None,
    inspect: Annotated[bool, typer.Option("--inspect", help="Show what was detected, and read nothing.")] = False,
    column: Annotated[
        list[str] | None, typer.Option(help="FIELD=COLUMN, to change what is proposed; repeatable; no COLUMN: none.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="What a row is: call or event.")] = None,
    time_format: Annotated[str | None, typer.Option(help="iso, epoch_s, epoch_ms or %d/%m/%Y %H:%M:%S.")] = None,
    encoding: Annotated[str | None, typer.Option(help="utf-8, utf-8-sig, utf-16-le, utf-16-be or latin-1.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="One character, or tab.")] = None,
    quote: Annotated[str | None, typer.Option(help="One character.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first line names the columns.")
    ] = None,
    save_mapping: Annotated[str | None, typer.Option(help="Save the mapping as a profile of this name.")] = None,
    known_hosts: Annotated[str | None, typer.Option(help="File of host keys for sftp://.")] = None,
    option: Remote = None,
) -> None:
    """Keep export logs beside the store; or look at one first with --inspect."""
    import imilab
    from imilab.logs import zone_named

    delimiter = _SIGNS.get(delimiter or "", delimiter)
    written: dict[str, Any] = {"kind": kind, "tz": zone_named(tz).key if tz else None, "time_format": time_format}
    written |= {"encoding": encoding, "delimiter": delimiter, "quote": quote, "header": header}
    profile = imilab.Mapping.load(mapping) if mapping else imilab.Mapping()
    chosen = replace(profile, **{name: value for name, value in written.items() if value is not None})
    options = remote_options(option, known_hosts)
    if column or kind or inspect or save_mapping:
        found = imilab.inspect_logs(path, chosen, options=options)
        if found.mapping is not None:
            chosen = _changed(found.mapping, column or [], kind)
            if save_mapping:
                typer.echo(f"Saved {chosen.save(save_mapping)}")
        if inspect:
            typer.echo(str(imilab.inspect_logs(path, chosen, options=options) if column or kind else found))
            return
    _import(path, chosen, tz, options)


def _import(path: str, mapping: Mapping, tz: str | None, options: dict[str, Any]) -> None:
    import imilab

    with imilab.Lab() as lab:
        summary = lab.import_logs(path, mapping, tz, options=options)
        typer.echo(str(summary))
        for row in lab.rejects(summary.import_id).head(5).itertuples():
            typer.echo(f"  {row.file} line {row.line}: {row.reason}")
    if summary.rejected > 5:
        typer.echo(f"  all of them: imilab rejects --import {summary.import_id}")
    if summary.read and summary.rejected == summary.read:
        typer.secho(
            "imilab: no row could be read; imilab import PATH --inspect shows how it was taken", fg="red", err=True
        )
        raise typer.Exit(1)


def imports() -> None:
    """List what was imported: when, from which files, and the counts."""
    import imilab

    with imilab.Lab() as lab:
        found = lab.imports()
        if found.empty:
            typer.echo("Nothing was imported.")
            return
        shown = found[["import_id", "imported_at", "read", "kept", "duplicate", "rejected", "sources"]]
        typer.echo(shown.to_string(index=False, max_colwidth=60))


def rejects(
    import_id: Annotated[str | None, typer.Option("--import", help="Of this import alone; by default of all.")] = None,
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 1000,
) -> None:
    """List the rows of logs that could not be read: file, line, reason, and the text with numbers hidden."""
    import imilab

    with imilab.Lab() as lab:
        found = lab.rejects(import_id)
    for row in found.head(limit).itertuples():
        typer.echo(f"{row.file} line {row.line}: {row.reason}: {row.text}")
    if len(found) > limit or found.empty:
        typer.echo(f"{len(found) - limit:,} more; --limit shows them" if len(found) else "No row was rejected.")


def remote_options(words: list[str] | None, known_hosts: str | None = None) -> dict[str, Any]:
    """Return the options of a file system that ``NAME=VALUE`` words give; true, false and ``{...}`` are no texts."""
    options: dict[str, Any] = {"known_hosts": known_hosts} if known_hosts else {}
    for word in words or []:
        name, value = _parts(word, "option", "NAME=VALUE, such as profile=lab")
        try:
            options[name] = json.loads(value) if value in ("true", "false") or value.startswith("{") else value
        except ValueError:
            raise InvalidInputError("option", f"the value of {name} begins with {{ and is no JSON") from None
    return options


def _parts(word: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise InvalidInputError(option, f"a word without =; write {form}")
    return name, value


def _changed(mapping: Mapping, words: list[str], kind: str | None) -> Mapping:
    """Return a mapping with the changes of the command line; a field without a column goes."""
    from imilab.logs.columns import CALL_FIELDS, EVENT_FIELDS

    changes = dict(_parts(word, "column", "FIELD=COLUMN, such as message_id=Reference") for word in words)
    fields = EVENT_FIELDS if (kind or mapping.kind) == "event" else CALL_FIELDS
    proposed = {field: name for field, name in mapping.columns.items() if field in fields}
    columns = {field: name for field, name in {**proposed, **changes}.items() if name}
    changed: dict[str, Any] = {"kind": kind or mapping.kind, "columns": columns}
    return replace(mapping, **changed)
