//! Archives that the vendor offers instead of those a unit was committed from: do they hold everything we have?

use std::fs::File;
use std::io;

use super::Works;
use super::build::Source;
use super::rejects::each_reject;
use crate::archive::{
    self, ArchiveError, Expected, Fingerprint, Place, Promised, RejectReason, RejectedBytes, Seen, Sink,
};
use crate::domain::Unit;
use crate::domain::message::Message;
use crate::domain::receipt::Receipt;
use crate::table;

/// What the comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Every element of the old archives is in the new ones.
    HoldsAll,
    /// So many elements of the old ones are not.
    Lacks(u64),
    /// What we have cannot be read back, so nothing can be said.
    Unreadable(String),
}

/// Compares byte by byte with the kept archives; where none are kept, or they cannot be read, every message is rebuilt
/// from the table and compared as JSON, and every reject byte by byte.
pub(super) fn compare(unit: Unit, old: &Receipt, new: &[Source], works: &Works) -> Result<Comparison, ArchiveError> {
    if !old.raw.is_empty() && old.raw.len() == old.archives.len() {
        match with_archives(unit, old, new, works) {
            Err(ArchiveError::Interrupted) => return Err(ArchiveError::Interrupted),
            Err(error) => {
                tracing::warn!(%unit, "{unit}: the kept archives cannot be read ({error}); comparing with the table")
            }
            Ok(comparison) => return Ok(comparison),
        }
    }
    let offered = Offered::read(unit, new, works, Form::Json)?;
    Ok(with_table(old, &offered, works).unwrap_or_else(|error| Comparison::Unreadable(format!("{error:#}"))))
}

fn with_archives(unit: Unit, old: &Receipt, new: &[Source], works: &Works) -> Result<Comparison, ArchiveError> {
    let offered = Offered::read(unit, new, works, Form::Bytes)?;
    let mut lacking = Lacking { offered: &offered, count: 0 };
    let mut seen = Seen::default();
    for raw in &old.raw {
        let file = works.lake.open(&raw.path).map_err(ArchiveError::Io)?;
        read(file, unit, Promised::default(), works, &mut seen, &mut lacking)?;
    }
    Ok(lacking.found())
}

fn with_table(old: &Receipt, offered: &Offered, works: &Works) -> anyhow::Result<Comparison> {
    let mut lacking = Lacking { offered, count: 0 };
    if let Some(parquet) = &old.parquet {
        table::each_message(works.lake.open(&parquet.path)?, |message| lacking.look_up(offered.fingerprint(message)))?;
    }
    if let Some(rejects) = &old.rejects_file {
        each_reject(works.lake.open(&rejects.path)?, |bytes| lacking.look_up(offered.elements.fingerprint(bytes)))?;
    }
    Ok(lacking.found())
}

fn read(
    file: File,
    unit: Unit,
    promised: Promised,
    works: &Works,
    seen: &mut Seen,
    sink: &mut impl Sink,
) -> Result<(), ArchiveError> {
    let expected = Expected { sdkappid: works.manifest.sdkappid, unit, promised };
    archive::read(file, &expected, &works.spool, seen, sink, &|| works.stop.is_cancelled()).map(|_| ())
}

/// How elements are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Byte by byte.
    Bytes,
    /// Messages as JSON; rejects byte by byte.
    Json,
}

/// The elements of the new archives.
struct Offered {
    elements: Seen,
    form: Form,
}

impl Offered {
    fn read(unit: Unit, new: &[Source], works: &Works, form: Form) -> Result<Offered, ArchiveError> {
        let mut offered = Offered { elements: Seen::default(), form };
        let mut seen = Seen::default();
        for source in new {
            let file = source.open().map_err(ArchiveError::Io)?;
            read(file, unit, source.promised(), works, &mut seen, &mut offered)?;
        }
        Ok(offered)
    }

    fn fingerprint(&self, message: &str) -> Fingerprint {
        match self.form {
            Form::Bytes => self.elements.fingerprint(message.as_bytes()),
            Form::Json => self.elements.fingerprint_json(message),
        }
    }
}

impl Sink for Offered {
    fn message(&mut self, _: &Message, text: &str, _: Place) -> io::Result<()> {
        self.elements.insert(self.fingerprint(text));
        Ok(())
    }

    fn reject(&mut self, bytes: RejectedBytes<'_>, _: Place, _: RejectReason) -> io::Result<()> {
        self.elements.insert(self.elements.fingerprint_rejected(bytes)?);
        Ok(())
    }
}

/// Counts the elements of what we have that are not offered.
struct Lacking<'a> {
    offered: &'a Offered,
    count: u64,
}

impl Lacking<'_> {
    fn look_up(&mut self, element: Fingerprint) {
        self.count += u64::from(!self.offered.elements.contains(element));
    }

    fn found(&self) -> Comparison {
        if self.count == 0 { Comparison::HoldsAll } else { Comparison::Lacks(self.count) }
    }
}

impl Sink for Lacking<'_> {
    fn message(&mut self, _: &Message, text: &str, _: Place) -> io::Result<()> {
        self.look_up(self.offered.fingerprint(text));
        Ok(())
    }

    fn reject(&mut self, bytes: RejectedBytes<'_>, _: Place, _: RejectReason) -> io::Result<()> {
        self.look_up(self.offered.elements.fingerprint_rejected(bytes)?);
        Ok(())
    }
}
