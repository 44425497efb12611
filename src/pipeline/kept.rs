//! Archives that are in the lake already: those a unit was made of, or what an interrupted run left.

use std::fs;
use std::io;
use std::time::SystemTime;

use super::build::Source;
use crate::domain::Unit;
use crate::domain::provenance::Provenance;
use crate::domain::receipt::Receipt;
use crate::lake::{Lake, LakeError, LakePath};

/// What of a unit's archives is in the lake.
pub(super) enum Kept {
    /// All of them, in the order of the vendor's reply, and whether it was an interrupted publication that wrote them down.
    Whole { sources: Vec<Source>, interrupted: bool },
    /// What there was is written down, and not all of it is there: what is wrong, and with which.
    Broken(Vec<String>, Found),
    /// Nothing is written down; these are there.
    Unknown(Found),
}

/// The archives of a unit that are in the lake under names that are right.
pub(super) struct Found(Vec<Archive>);

struct Archive {
    place: usize,
    written: Option<SystemTime>,
    path: LakePath,
    source: Source,
}

/// Looks for a unit's archives.
///
/// - An interrupted publication wrote down which archives it was about to put there: if all of these are there, they are
///   it.
/// - Otherwise those that the receipt names, or that were written down beside it.
/// - A file whose bytes are not those its name promises is left alone.
pub(super) fn look(unit: Unit, receipt: Option<&Receipt>, lake: &Lake) -> Result<Kept, LakeError> {
    let found = Found::in_lake(unit, lake)?;
    if let Some(mark) = lake.marked(unit)?
        && !mark.provenance.raw.is_empty()
        && found.lacking(&mark.provenance).is_empty()
    {
        return Ok(Kept::Whole { sources: found.take(&mark.provenance), interrupted: true });
    }
    let mut wrong = None;
    for known in [receipt.and_then(Provenance::of), lake.provenance(unit)?].into_iter().flatten() {
        let lacking = found.lacking(&known);
        if lacking.is_empty() {
            return Ok(Kept::Whole { sources: found.take(&known), interrupted: false });
        }
        wrong.get_or_insert(lacking);
    }
    Ok(match wrong {
        Some(wrong) => Kept::Broken(wrong, found),
        None => Kept::Unknown(found),
    })
}

impl Found {
    fn in_lake(unit: Unit, lake: &Lake) -> Result<Found, LakeError> {
        let mut found = Vec::new();
        for (place, path) in lake.raw_of(unit)? {
            let file = lake.locate(&path);
            let read = |source: io::Error| LakeError::Io { verb: "read", path: file.clone(), source };
            let source = Source::kept(path.clone(), &file).map_err(read)?;
            if source.has_name(unit, place) {
                let written = fs::metadata(&file).and_then(|metadata| metadata.modified()).ok();
                found.push(Archive { place, written, path, source });
            } else {
                tracing::warn!(%unit, "{unit}: {path} does not hold the bytes that its name promises; it is left alone");
            }
        }
        Ok(Found(found))
    }

    /// What is wrong with the archives that were written down; nothing where all are there.
    fn lacking(&self, known: &Provenance) -> Vec<String> {
        let there = |path: &str| self.0.iter().find(|archive| archive.path.as_str() == path);
        let wrong = known.each().filter_map(|(raw, archive)| match there(&raw.path) {
            Some(found) if *found.source.gzip_md5() == archive.gzip_md5 => None,
            _ => Some(format!("{} is missing or damaged", raw.path)),
        });
        wrong.collect()
    }

    /// The archives that were written down, in that order, and what was known of them.
    fn take(mut self, known: &Provenance) -> Vec<Source> {
        let taken = known.each().filter_map(|(raw, archive)| {
            let at = self.0.iter().position(|found| found.path.as_str() == raw.path)?;
            Some(self.0.swap_remove(at).source.known_as(archive))
        });
        taken.collect()
    }

    /// As many as there are: the newest of each place. Nobody knows whether these are all, and they say so.
    pub(super) fn newest(mut self, unit: Unit) -> Vec<Source> {
        self.0.sort_by(|a, b| a.place.cmp(&b.place).then(b.written.cmp(&a.written)));
        self.0.dedup_by_key(|archive| archive.place);
        if !self.0.is_empty() {
            let places: Vec<String> = self.0.iter().map(|archive| archive.place.to_string()).collect();
            tracing::warn!(%unit, "{unit}: archives {} of it are in the lake; whether it had more, nobody can say", places.join(", "));
        }
        let mut sources: Vec<Source> = self.0.into_iter().map(|archive| archive.source).collect();
        sources.iter_mut().for_each(Source::mark_incomplete);
        sources
    }
}
