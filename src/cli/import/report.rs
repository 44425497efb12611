//! What an import did, as text and as JSON.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::Refused;
use crate::attention::{Attention, quarantined_files};
use crate::domain::Unit;
use crate::domain::receipt::Receipt;
use crate::exit::Exit;
use crate::pipeline::Imported;

/// So many units are told one by one: who imports thousands wants to know what was refused.
const TOLD: usize = 20;

/// What an import did.
pub(super) struct Report {
    /// The lake's folder.
    pub(super) lake: PathBuf,
    /// What became of the units, oldest first.
    pub(super) units: Vec<(Unit, Imported)>,
    /// Files that belong to none.
    pub(super) refused: Vec<Refused>,
    /// Files in folders that are not called `.gz`.
    pub(super) passed_over: usize,
    /// Units that the end of the run came before.
    pub(super) not_tried: usize,
    /// What it ends with.
    pub(super) exit: Exit,
}

impl Report {
    /// Something that was given is not in the lake now.
    pub(super) fn has_refused(&self) -> bool {
        self.refused_count() > 0
    }

    fn refused_count(&self) -> usize {
        let refused = self.units.iter().filter(|(_, imported)| matches!(imported, Imported::Refused { .. }));
        refused.count() + self.refused.len()
    }

    fn taken(&self) -> Vec<&Receipt> {
        let taken = self.units.iter().filter_map(|(_, imported)| match imported {
            Imported::Taken(receipt) => Some(&**receipt),
            Imported::Same(_) | Imported::Refused { .. } => None,
        });
        taken.collect()
    }

    fn same_count(&self) -> usize {
        self.units.iter().filter(|(_, imported)| matches!(imported, Imported::Same(_))).count()
    }

    /// For people: what was refused is told whole, and last.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write_units(&mut text);
        let taken = self.taken();
        let attention = Attention { lake: &self.lake, all: "`timlake status --json` lists them" };
        attention.quarantined(&mut text, &taken);
        attention.rejects(&mut text, &taken);
        self.write_refused(&mut text);
        self.write_sums(&mut text);
        text
    }

    fn write_units(&self, text: &mut String) {
        let done: Vec<_> =
            self.units.iter().filter(|(_, imported)| !matches!(imported, Imported::Refused { .. })).collect();
        for (unit, imported) in done.iter().take(TOLD) {
            // Writing into a string cannot fail.
            let _ = match imported {
                Imported::Taken(receipt) => {
                    let Receipt { state, rows, duplicates, rejects, .. } = &**receipt;
                    let state = state.as_str();
                    writeln!(text, "{unit}  {state}, {rows} messages, {duplicates} duplicates, {rejects} rejects")
                }
                _ => writeln!(text, "{unit}  the same archives as before: nothing to do"),
            };
        }
        if done.len() > TOLD {
            let _ = writeln!(text, "… and {} units more: --json lists them", done.len() - TOLD);
        }
    }

    fn write_refused(&self, text: &mut String) {
        for (unit, imported) in &self.units {
            if let Imported::Refused { file, cause } = imported {
                let file = file.as_ref().map(|file| format!("`{}`: ", shown(file))).unwrap_or_default();
                let _ = writeln!(text, "{unit}  refused: {file}{cause}");
            }
        }
        for Refused { path, cause } in &self.refused {
            let _ = writeln!(text, "`{}`  refused: {cause}", shown(path));
        }
    }

    fn write_sums(&self, text: &mut String) {
        let taken = self.taken();
        let _ = writeln!(
            text,
            "units imported: {}, with {} messages; the same as before: {}; refused: {}",
            taken.len(),
            rows(&taken),
            self.same_count(),
            self.refused_count()
        );
        if self.not_tried > 0 {
            let _ = writeln!(text, "units not tried: {}; the same command goes on with them", self.not_tried);
        }
        if self.passed_over > 0 {
            let _ = writeln!(text, "files in folders that are not called .gz, passed over: {}", self.passed_over);
        }
        if self.has_refused() {
            let _ = writeln!(text, "of what was refused nothing was taken; the files are where they were");
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let (mut units, mut refused) = (Vec::new(), Vec::new());
        for (unit, imported) in &self.units {
            match imported {
                Imported::Taken(receipt) => units.push(unit_json(*unit, "imported", receipt)),
                Imported::Same(receipt) => units.push(unit_json(*unit, "same", receipt)),
                Imported::Refused { file, cause } => refused.push(refused_json(Some(*unit), file.as_deref(), cause)),
            }
        }
        refused.extend(self.refused.iter().map(|Refused { path, cause }| refused_json(None, Some(path), cause)));
        let taken = self.taken();
        json!({
            "report_version": 1,
            "command": "import",
            "lake": self.lake.display().to_string(),
            "exit_code": self.exit.code(),
            "imported": taken.len(),
            "same": self.same_count(),
            "not_tried": self.not_tried,
            "passed_over": self.passed_over,
            "rows": rows(&taken),
            "duplicates": taken.iter().map(|receipt| receipt.duplicates).sum::<u64>(),
            "rejects": taken.iter().map(|receipt| receipt.rejects).sum::<u64>(),
            "quarantined": quarantined_files(&taken),
            "units": units,
            "refused": refused,
        })
    }
}

fn rows(receipts: &[&Receipt]) -> u64 {
    receipts.iter().map(|receipt| receipt.rows).sum()
}

fn unit_json(unit: Unit, outcome: &str, receipt: &Receipt) -> Value {
    json!({
        "unit": unit.to_string(),
        "chat_type": unit.chat_type,
        "hour": unit.hour,
        "outcome": outcome,
        "state": receipt.state,
        "rows": receipt.rows,
        "duplicates": receipt.duplicates,
        "rejects": receipt.rejects,
        "parquet": receipt.parquet,
        "rejects_file": receipt.rejects_file,
        "quarantine": receipt.quarantine,
    })
}

/// A file's name need not be UTF-8, and JSON is.
fn refused_json(unit: Option<Unit>, file: Option<&Path>, cause: &str) -> Value {
    json!({
        "unit": unit.map(|unit| unit.to_string()),
        "file": file.map(|file| file.to_string_lossy()),
        "cause": cause,
    })
}

/// A path as it may go to a terminal: a name that somebody else gave must not do anything there, nor begin a new line.
fn shown(path: &Path) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    path.display().to_string().chars().map(shown).collect()
}
