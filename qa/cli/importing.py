"""`spotcheck import`: files into the archive, with detection, preview (`--dry-run`) and honest exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli import import_options
from qa.cli.later import Later
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import ingest, jobs
    from qa.ingest import Detected, ImportCounts, ImportPreview, ImportResult, ReadAhead, RowProblem
    from qa.workbench import Workbench
else:
    ingest, jobs = Later("qa.ingest"), Later("qa.jobs")

ORDER = ("conversations", "sessions", "disputes", "dispute_messages", "ratings", "agents")
SHOWN = 20
STATES = {
    "started": N_("running"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
    "interrupted": N_("interrupted"),
    "taken_back": N_("taken back"),
}


@dataclass(frozen=True)
class _Task:
    """One file, as it will be read."""

    detected: Detected
    mapping: ingest.Mapping
    kind: str
    source: str
    source_mark: str


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser("import", help=_("import chats, disputes, ratings or the roster"))
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help=_("CSV, Excel, JSON, text transcripts, or a ZIP archive of them"),
    )
    parser.add_argument("--kind", choices=ORDER, default="", help=_("what the files hold (default: detected)"))
    parser.add_argument(
        "--source",
        default="",
        help=_(
            "short name of where the data comes from; part of every key (default: as remembered for the shop, else from"
            " its name)"
        ),
    )
    import_options.add(parser)
    parser.add_argument(
        "--silence",
        type=float,
        default=None,
        metavar="HOURS",
        help=_(
            "how long a silence ends a chat in files without conversation ids (default: 4, or as last said for the"
            " source)"
        ),
    )
    parser.add_argument("--cluster", default=None, help=_("address of a Dask scheduler, e.g. tcp://10.0.0.5:8786"))
    parser.add_argument("--dry-run", action="store_true", help=_("only say what would happen"))
    parser.add_argument(
        "--problems", type=Path, default=None, metavar="CSV", help=_("write every problem to this file")
    )
    parser.add_argument(
        "--template",
        type=Path,
        default=None,
        metavar="XLSX",
        help=_("write an empty table for files of --kind and stop"),
    )
    parser.set_defaults(run=run)
    back = subparsers.add_parser("take-back", help=_("take an import back: remove what only it brought"))
    back.add_argument("import_id", type=int, metavar="IMPORT", help=_("number of the import (see “spotcheck imports”)"))
    back.add_argument("--dry-run", action="store_true", help=_("only say what would happen"))
    back.set_defaults(run=take_back)
    past = subparsers.add_parser("imports", help=_("list past imports"))
    past.set_defaults(run=imports)


def run(opener: Callable[[], Workbench], args: argparse.Namespace, out: Output) -> int:
    """Import every file; chats before what refers to them. Returns 2 when rows had to be left out."""
    if args.template:
        return _template(args, out)
    if not args.files:
        raise Invalid(N_("Name at least one file to import."))
    bench = opener()
    tasks = sorted((_task(bench, args, path) for path in args.files), key=lambda task: ORDER.index(task.kind))
    for task in tasks:
        task.mapping.check(task.kind, task.detected.headers)
        if not args.dry_run:
            import_options.save(bench, args, task.kind, task.mapping)
    files = [ingest.FileToImport(task.detected.path, task.mapping, task.kind, task.source) for task in tasks]
    with ingest.reading_ahead(bench, SYSTEM, files, now=datetime.now(UTC), cluster=args.cluster) as ahead:
        documents = [_one(bench, args, out, task, ahead) for task in tasks]
    if not args.dry_run:
        jobs.ask(bench, SYSTEM, jobs.INDEXING, jobs.IndexMessages(), now=datetime.now(UTC))
    out.json(documents if len(documents) > 1 else documents[0])
    return 2 if any(document["counts"]["bad"] for document in documents) else 0


def take_back(opener: Callable[[], Workbench], args: argparse.Namespace, out: Output) -> int:
    """Take an import back, or with `--dry-run` say what would go."""
    bench, t = opener(), out.t
    if args.dry_run:
        seen = ingest.take_back_preview(bench, SYSTEM, args.import_id)
    else:
        seen = ingest.take_back(bench, SYSTEM, now=datetime.now(UTC), run_id=args.import_id)
    facts = {name: t.number(value) for name, value in seen.to_dict().items()}
    out.say(
        t(
            "{conversations} conversations, {messages} messages, {disputes} disputes and {ratings}"
            " ratings will be removed; {changed} records will change.",
            **facts,
        )
    )
    if seen.samples or seen.case_files:
        out.say(t("{samples} drawn samples and {case_files} case files of them stay, with their evidence.", **facts))
    if args.dry_run:
        out.say(t("Nothing was written (dry run)."))
    out.json({"import_id": args.import_id, "dry_run": args.dry_run, **seen.to_dict()})
    return 0


def imports(opener: Callable[[], Workbench], args: argparse.Namespace, out: Output) -> int:
    """Past imports, newest first."""
    t, now = out.t, datetime.now(UTC)
    runs = ingest.history(opener(), SYSTEM)
    states = [ingest.state_of(run, now) for run in runs]
    out.table(
        [t("Import"), t("When"), t("File name"), t("Source"), t("State"), t("New"), t("Changed")],
        [
            [
                run.id,
                t.when(run.started_at),
                run.file_name,
                run.source,
                t(STATES[state]),
                run.counts.get("new", ""),
                run.counts.get("changed", ""),
            ]
            for run, state in zip(runs, states, strict=True)
        ],
    )
    out.json(
        [
            {
                "id": run.id,
                "file": run.file_name,
                "kind": run.kind,
                "source": run.source,
                "state": state,
                "counts": run.counts,
            }
            for run, state in zip(runs, states, strict=True)
        ]
    )
    return 0


def _template(args: argparse.Namespace, out: Output) -> int:
    kind = args.kind or ORDER[0]
    args.template.write_bytes(ingest.template(kind, out.t.language))
    out.say(out.t("Template for {kind}: {file}", kind=out.t(ingest.KINDS[kind]), file=str(args.template)))
    out.json({"kind": kind, "template": str(args.template)})
    return 0


def _task(bench: Workbench, args: argparse.Namespace, path: Path) -> _Task:
    detected = import_options.detected(bench, args, path)
    choice = ingest.source_of(bench, SYSTEM, detected)
    return _Task(detected, detected.mapping, detected.kind, args.source or choice.source, choice.mark)


def _one(
    bench: Workbench, args: argparse.Namespace, out: Output, task: _Task, ahead: ReadAhead | None
) -> dict[str, Any]:
    path, d = task.detected.path, task.detected
    out.say(
        out.t(
            "{file}: {kind}, {format} {encoding}",
            file=path.name,
            kind=out.t(ingest.KINDS[task.kind]),
            format=d.shape.format,
            encoding=d.shape.encoding,
        )
    )

    def progress(share: float, what: str) -> None:
        out.progress(share, path.name)

    if args.dry_run:
        seen = ingest.preview(
            bench,
            SYSTEM,
            path,
            task.mapping,
            task.kind,
            task.source,
            silence_hours=args.silence,
            ahead=ahead,
            progress=progress,
        )
        _tell(out, seen)
        if seen.imported_before:
            out.say(
                out.t(
                    "This very file was imported before, on {when}. It adds nothing; read in another way, it replaces"
                    " what it brought then.",
                    when=out.t.when(seen.imported_before),
                )
            )
        speakers = _show_chat(bench, out, task, seen)
        out.say(out.t("Nothing was written (dry run)."))
        return {
            **_document(path, task, seen.counts, seen.problems, None),
            "imported_before": seen.imported_before,
            "chat": [{n: m[n] for n in ("sent_at", "role", "agent_id", "kind", "text")} for m in seen.transcript],
            "speakers": [{"name": name, "role": role, "messages": n} for name, role, n in speakers],
        }
    done = ingest.commit(
        bench,
        SYSTEM,
        now=datetime.now(UTC),
        path=path,
        mapping=task.mapping,
        kind=task.kind,
        source=task.source,
        source_mark=task.source_mark,
        silence_hours=args.silence,
        ahead=ahead,
        progress=progress,
    )
    _tell(out, done)
    if args.problems:
        ingest.problem_list(bench, SYSTEM, done.run_id, args.problems, out.t)
        out.say(out.t("All problems: {file}", file=str(args.problems)))
    return {**_document(path, task, done.counts, done.problems, done.run_id), "archive_version": done.archive_version}


def _show_chat(bench: Workbench, out: Output, task: _Task, seen: ImportPreview) -> tuple[tuple[str, str, int], ...]:
    """One chat as it would be stored and who is who in it; `--who` corrects that."""
    t = out.t
    if task.kind != "conversations":
        return ()
    out.table(
        [t("Time"), t("Speaker"), t("Text")],
        [
            [
                t.when(m["sent_at"]) if m["sent_at"] else "",  # type: ignore[arg-type]
                " ".join(part for part in (str(m["role"]), str(m["agent_id"] or "")) if part),
                " ".join(str(m["text"]).split())[:60],
            ]
            for m in seen.transcript[:SHOWN]
        ],
    )
    speakers = ingest.sample_chat(bench, SYSTEM, task.detected, task.mapping).speakers
    if any(not role for _name, role, _n in speakers):
        out.say(t("It is open who these are; say it with --who NAME=ROLE:"))
    if speakers:
        out.table(
            [t("Speaker"), t("Who is who"), t("Messages")],
            [[name, role or "?", t.number(n)] for name, role, n in speakers[:SHOWN]],
        )
    return speakers


def _tell(out: Output, seen: ImportPreview | ImportResult) -> None:
    t, counts = out.t, seen.counts
    out.say(
        t(
            "{rows} rows: {new} new, {changed} changed, {unchanged} unchanged; {bad} rows left out, {warnings}"
            " warnings",
            rows=t.number(counts.rows),
            new=t.number(counts.new),
            changed=t.number(counts.changed),
            unchanged=t.number(counts.unchanged),
            bad=t.number(counts.bad),
            warnings=t.number(counts.warnings),
        )
    )
    if counts.extended:
        out.say(t("{n} known conversations get more messages; none loses any.", n=t.number(counts.extended)))
    if counts.incomplete or counts.left_out:
        out.say(
            t(
                "{incomplete} conversations are incomplete, {left_out} were left out whole.",
                incomplete=t.number(counts.incomplete),
                left_out=t.number(counts.left_out),
            )
        )
    if seen.changes:
        labels = {field.name: field.label for field in ingest.FIELDS[seen.kind]}
        out.table(
            [t("Changes in what is there"), t("Count"), t("Example"), t("Before"), t("After")],
            [
                [t(labels.get(c.field, c.field)), t.number(c.n), c.key, c.old[:40], (c.new or "")[:40]]
                for c in seen.changes
            ],
        )
    if seen.summary:
        out.table(
            [t("Count"), t("Severity"), t("First row"), t("Reason"), t("Cure")],
            [
                [
                    t.number(n),
                    t("left out") if p.severity == "bad" else t("warning"),
                    p.row or "",
                    p.reason(t),
                    p.cure(t),
                ]
                for p, n in seen.summary[:SHOWN]
            ],
        )


def _document(
    path: Path, task: _Task, counts: ImportCounts, problems: tuple[RowProblem, ...], run_id: int | None
) -> dict[str, Any]:
    return {
        "file": str(path),
        "kind": task.kind,
        "source": task.source,
        "preset": task.detected.preset,
        "format": task.detected.shape.format,
        "encoding": task.detected.shape.encoding,
        "run_id": run_id,
        "counts": counts.to_dict(),
        "problems": [{**problem.to_dict(), "severity": problem.severity} for problem in problems],
    }
