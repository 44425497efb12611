//! What a person may have to look at: losses, failures, conflicts, quarantined bytes and rejects, each with its path and
//! what to do next. The reports of all commands tell it in the same words.

use std::fmt::Write;
use std::path::Path;

use crate::domain::receipt::Receipt;

/// So many of each kind are named: a lake in trouble must not scroll its map away.
pub const NAMED: usize = 5;

/// Writes what calls for attention in some receipts. Where there is nothing of a kind, nothing is written.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    /// The lake's folder: paths are told so that they can be copied.
    pub lake: &'a Path,
    /// What lists all of a kind of which only the first are named.
    pub all: &'a str,
}

impl Attention<'_> {
    /// Losses that somebody answers for.
    pub fn losses(&self, text: &mut String, receipts: &[&Receipt]) {
        let lost = only(receipts, |receipt| receipt.is_loss());
        let what = "the vendor deleted them before they were archived. \
                    If somebody has kept their archives, `timlake import FILE.gz` mends that";
        self.list(text, &format!("lost: {}; {what}", units(lost.len())), &lost, |receipt| {
            let reason = receipt.reason.map_or("no reason recorded", |reason| reason.as_str());
            match receipt.quarantine.is_empty() {
                true => reason.to_owned(),
                false => format!("{reason}; bytes of it that could not be used: {}", self.quarantine(receipt)),
            }
        });
    }

    /// Units that have failed so far.
    pub fn failures(&self, text: &mut String, receipts: &[&Receipt]) {
        let failed = only(receipts, |receipt| receipt.error.is_some() && !receipt.state.is_final());
        let heading = format!("failed: {}; every run tries them again while the vendor has them", units(failed.len()));
        self.list(text, &heading, &failed, |receipt| {
            receipt.error.as_ref().map(|error| format!("at {}: {}", error.stage, error.cause)).unwrap_or_default()
        });
    }

    /// Archives offered later that were not taken.
    pub fn conflicts(&self, text: &mut String, receipts: &[&Receipt]) {
        let conflicting = only(receipts, |receipt| receipt.conflict.is_some());
        let heading = format!(
            "in conflict: {}; other archives were offered later, something of ours is not in them, and ours stay. \
             Compare the two; if a person decides for those in quarantine, `timlake import --replace FILE.gz` takes them",
            units(conflicting.len())
        );
        self.list(text, &heading, &conflicting, |receipt| {
            let cause = receipt.conflict.as_ref().map(|conflict| conflict.cause.as_str()).unwrap_or_default();
            format!("{cause}; ours: {}; theirs: {}", self.ours(receipt), self.quarantine(receipt))
        });
    }

    /// Bytes that could not be used, or are used no longer. Those of conflicts and of losses are named there.
    pub fn quarantined(&self, text: &mut String, receipts: &[&Receipt]) {
        let quarantined = only(receipts, |receipt| !receipt.quarantine.is_empty());
        let (still_due, before): (Vec<&Receipt>, Vec<&Receipt>) =
            quarantined.into_iter().partition(|receipt| !receipt.state.is_final() || receipt.last_try_failed());
        let before = only(&before, |receipt| receipt.conflict.is_none() && !receipt.is_loss());
        let files = |receipts: &[&Receipt]| match quarantined_files(receipts) {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        let heading = format!(
            "quarantined: {} with bytes that could not be used; the next run tries these units again. \
             Keep the files for the vendor's support",
            files(&still_due)
        );
        self.list(text, &heading, &still_due, |receipt| self.quarantine(receipt));
        let heading = format!(
            "quarantined before: {}, of earlier tries or of replaced archives; nothing has to be done",
            files(&before)
        );
        self.list(text, &heading, &before, |receipt| self.quarantine(receipt));
    }

    /// Elements that are no messages.
    pub fn rejects(&self, text: &mut String, receipts: &[&Receipt]) {
        let with_rejects = only(receipts, |receipt| receipt.rejects > 0);
        let heading = format!(
            "rejects: {}, of {}: elements that are no messages. Look at them: each is a line of these files, its bytes in \
             base64",
            with_rejects.iter().map(|receipt| receipt.rejects).sum::<u64>(),
            units(with_rejects.len())
        );
        self.list(text, &heading, &with_rejects, |receipt| {
            let file = receipt.rejects_file.as_ref().map(|file| self.path(&file.path));
            format!("{} in {}", receipt.rejects, file.unwrap_or_default())
        });
    }

    fn list(&self, text: &mut String, heading: &str, receipts: &[&Receipt], line: impl Fn(&Receipt) -> String) {
        if receipts.is_empty() {
            return;
        }
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{heading}");
        for receipt in receipts.iter().take(NAMED) {
            let _ = writeln!(text, "  {}  {}", receipt.unit(), line(receipt));
        }
        if let Some(more) = receipts.len().checked_sub(NAMED).filter(|more| *more > 0) {
            let _ = writeln!(text, "  … and {more} more: {}", self.all);
        }
    }

    /// What the unit is made of: the kept archives, or else the table.
    fn ours(&self, receipt: &Receipt) -> String {
        let table = receipt.parquet.iter().map(|parquet| &parquet.path);
        let raw: Vec<&String> = receipt.raw.iter().map(|raw| &raw.path).collect();
        let ours = if raw.is_empty() { table.collect() } else { raw };
        ours.into_iter().map(|path| self.path(path)).collect::<Vec<_>>().join(" ")
    }

    fn quarantine(&self, receipt: &Receipt) -> String {
        receipt.quarantine.iter().map(|path| self.path(path)).collect::<Vec<_>>().join(" ")
    }

    fn path(&self, of_receipt: &str) -> String {
        self.lake.join(of_receipt).display().to_string()
    }
}

/// The files in quarantine that some receipts name.
pub fn quarantined_files(receipts: &[&Receipt]) -> usize {
    receipts.iter().map(|receipt| receipt.quarantine.len()).sum()
}

/// A number of units, in words.
pub fn units(count: usize) -> String {
    if count == 1 { "1 unit".to_owned() } else { format!("{count} units") }
}

fn only<'a>(receipts: &[&'a Receipt], kind: impl Fn(&Receipt) -> bool) -> Vec<&'a Receipt> {
    receipts.iter().copied().filter(|receipt| kind(receipt)).collect()
}
