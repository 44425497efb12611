//! Archives that are in the lake although no receipt names them: what an interrupted run left, or what is left of a
//! ledger that was deleted. They are used before an hour is given up.

use std::fs;

use super::build::Source;
use crate::domain::Unit;
use crate::lake::{Lake, LakeError, LakePath};

/// The unit's archives in the lake, one for each place; none where there are none.
///
/// - The interrupted run wrote down which archives it was about to put there: if all of these are there, they are it.
/// - Otherwise nobody knows whether all are there. The newest of each place is taken, and the receipt says so.
/// - A file whose bytes are not those its name promises is left alone.
pub(super) fn archives(unit: Unit, lake: &Lake) -> Result<Vec<Source>, LakeError> {
    let mut kept = Vec::new();
    for (place, path) in lake.raw_of(unit)? {
        let file = lake.locate(&path);
        let source = Source::kept(path.clone(), &file);
        let source = source.map_err(|source| LakeError::Io { verb: "read", path: file.clone(), source })?;
        if source.has_name(unit, place) {
            let written = fs::metadata(&file).and_then(|metadata| metadata.modified()).ok();
            kept.push((place, written, path, source));
        } else {
            tracing::warn!(%unit, "{unit}: {path} does not hold the bytes that its name promises; it is left alone");
        }
    }
    let marked = lake.marked(unit)?.unwrap_or_default();
    let is_there = |wanted: &LakePath| kept.iter().any(|(_, _, path, _)| path == wanted);
    if !marked.is_empty() && marked.iter().all(is_there) {
        kept.retain(|(_, _, path, _)| marked.contains(path));
        return Ok(kept.into_iter().map(|(.., source)| source).collect());
    }
    // By place, the newest first; the others of a place are dropped.
    kept.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    kept.dedup_by_key(|(place, ..)| *place);
    if !kept.is_empty() {
        let places: Vec<String> = kept.iter().map(|(place, ..)| place.to_string()).collect();
        tracing::warn!(%unit, "{unit}: archives {} of it are in the lake; whether it had more, nobody can say", places.join(", "));
    }
    let mut sources: Vec<Source> = kept.into_iter().map(|(.., source)| source).collect();
    sources.iter_mut().for_each(Source::mark_incomplete);
    Ok(sources)
}
