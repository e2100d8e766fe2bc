"""``imilab import``: export logs into the archive beside the store, or a look at them first."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imilab.errors import InvalidInputError

__all__ = ["import_logs"]


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
    save_mapping: Annotated[str | None, typer.Option(help="Save the mapping as a profile of this name.")] = None,
    known_hosts: Annotated[str | None, typer.Option(help="File of host keys for sftp://.")] = None,
) -> None:
    """Keep export logs beside the store; or look at one first with --inspect."""
    import imilab

    options = {"known_hosts": known_hosts} if known_hosts else {}
    changes = _changes(column or [], kind, time_format)
    chosen: Any = mapping
    if changes or inspect or save_mapping:
        found = imilab.inspect_logs(path, mapping, options=options)
        chosen = _changed(found.mapping, changes)
        if save_mapping and chosen is not None:
            typer.echo(f"Saved {chosen.save(save_mapping)}")
        if inspect:
            typer.echo(str(imilab.inspect_logs(path, chosen, options=options) if changes else found))
            return
    with imilab.Lab() as lab:
        summary = lab.import_logs(path, chosen, tz, options=options)
        typer.echo(str(summary))
        for row in lab.rejects(summary.import_id).head(5).itertuples():
            typer.echo(f"  {row.file} line {row.line}: {row.reason}")


def _changes(columns: list[str], kind: str | None, time_format: str | None) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for one in columns:
        field, equals, name = one.partition("=")
        if not equals:
            raise InvalidInputError("column", f"{one!r} is no FIELD=COLUMN, such as message_id=Reference")
        changes.setdefault("columns", {})[field] = name
    if kind is not None:
        changes["kind"] = kind
    if time_format is not None:
        changes["time_format"] = time_format
    return changes


def _changed(mapping: Any, changes: dict[str, Any]) -> Any:
    """Return a mapping with the changes of the command line; a field without a column goes."""
    if mapping is None or not changes:
        return mapping
    values = mapping.to_dict()
    columns = {**values["columns"], **changes.get("columns", {})}
    kept = {field: name for field, name in columns.items() if name}
    return type(mapping)(**{**values, **changes, "columns": kept})
