//! Archives kept elsewhere → a unit.

use std::io;
use std::path::PathBuf;

use super::build::{BuildError, Source};
use super::{UnitError, Unusable, Works, build, finish, publish, restore, stopped};
use crate::domain::Unit;
use crate::domain::receipt::Receipt;
use crate::lake::{LakeError, LakePath};

/// What became of a unit's files.
#[derive(Clone, Debug)]
pub enum Imported {
    /// The unit is made of them now.
    Taken(Box<Receipt>),
    /// The unit was made of them before.
    Same(Box<Receipt>),
    /// They were not taken: which of them is at fault, where it is one, and why. The unit is as it was.
    Refused {
        /// The file at fault; `None` where it is all of them together.
        file: Option<PathBuf>,
        /// Why.
        cause: String,
    },
}

/// Makes a unit of `files`, in this order, whatever its age. A unit that is made of other archives already is replaced
/// only where a person says so with `replace`; its archives go to quarantine then.
///
/// # Errors
/// [`UnitError`]; the unit is as it was then, or is finished by the next run.
pub fn import_unit(unit: Unit, files: &[PathBuf], replace: bool, works: &Works) -> Result<Imported, UnitError> {
    let mut before = works.lake.receipt(unit)?;
    if before.as_ref().is_some_and(|before| before.state.is_final()) && works.lake.marked(unit)?.is_some() {
        before = Some(finish(unit, before, works)?.receipt);
    }
    let mut sources: Vec<Source> = Vec::new();
    for file in files {
        match Source::elsewhere(file) {
            // A file that was given twice is one archive.
            Ok(source) if sources.iter().any(|known| known.equals(&source)) => {}
            Ok(source) => sources.push(source),
            Err(error) => return Ok(Imported::Refused { file: Some(file.clone()), cause: error.to_string() }),
        }
    }
    let built = match build(unit, &sources, works) {
        Ok(built) => built,
        Err(BuildError::Unusable { failure, place }) => {
            let file = place.and_then(|place| sources[place].outside().map(PathBuf::from));
            return Ok(Imported::Refused { file, cause: failure.cause });
        }
        Err(error) => return Err(stopped(error, works)),
    };
    let Some(old) = before.as_ref().filter(|before| !before.archives.is_empty()) else {
        return publish(unit, before, sources, built, works).map(|outcome| Imported::Taken(Box::new(outcome.receipt)));
    };
    if built.facts.are_of(old) {
        return match works.is_whole(old)? {
            true => Ok(Imported::Same(Box::new(old.clone()))),
            false => {
                restore(old.clone(), sources, built, works).map(|outcome| Imported::Taken(Box::new(outcome.receipt)))
            }
        };
    }
    if !replace {
        let cause = format!("{unit} is made of other archives already: give --replace to replace them by these");
        return Ok(Imported::Refused { file: None, cause });
    }
    let mut before = old.clone();
    before.set_aside(set_aside(old, works)?);
    publish(unit, Some(before), sources, built, works).map(|outcome| Imported::Taken(Box::new(outcome.receipt)))
}

/// Copies a unit's kept archives to quarantine, and says where: they stay where they are until the receipt names others.
fn set_aside(old: &Receipt, works: &Works) -> Result<Vec<String>, LakeError> {
    let mut quarantine = Vec::new();
    for (place, raw) in old.raw.iter().enumerate() {
        let Some(path) = LakePath::from_receipt(&raw.path) else { continue };
        let file = works.lake.locate(&path);
        let copied = match Source::elsewhere(&file).and_then(|source| source.into_copy(place, &works.spool)) {
            Ok(copied) => copied,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!("{path} is replaced, and was not there any more");
                None
            }
            Err(source) => return Err(LakeError::Io { verb: "read", path: file, source }),
        };
        if let Some(Unusable { place, gzip_md5, bytes }) = copied {
            quarantine.push(works.lake.quarantine(old.unit(), place, &gzip_md5, bytes)?.to_string());
        }
    }
    Ok(quarantine)
}
