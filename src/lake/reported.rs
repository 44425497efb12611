//! Losses are reported until one run has ended with exit code 4. A process cannot write down its own end, so it writes
//! down beforehand what it is about to report, and the last thing it does is to take that away again.
//!
//! | killed | next run |
//! |---|---|
//! | before the list is written | the receipts say unreported |
//! | while the list is there | takes the list's losses for unreported again |
//! | behind it | nothing is left to do but to end: the losses count as reported |

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Lake, LakeError, layout};
use crate::domain::Unit;
use crate::domain::receipt::Receipt;

/// The losses that a run is about to end with.
#[derive(Serialize, Deserialize)]
struct Reporting {
    units: Vec<Unit>,
}

impl Lake {
    /// Writes into the receipts of these losses that they were reported at `now`. To be called last, by a run that ends
    /// with exit code 4.
    ///
    /// # Errors
    /// [`LakeError::Io`]; the next run reports all of them again.
    pub fn mark_reported(&self, losses: &[Receipt], now: DateTime<Utc>) -> Result<(), LakeError> {
        let units = losses.iter().map(Receipt::unit).collect();
        self.put_json(&layout::reporting(), &Reporting { units })?;
        for loss in losses {
            self.record(&Receipt { reported_at: Some(now), ..loss.clone() })?;
        }
        // Waiting for the disk here would be time in which a kill could hide the losses. Should a power failure bring
        // the list back, they are reported once more.
        self.store.forget(&layout::reporting())
    }

    /// Makes losses unreported again whose report was not seen through to the end of its run. The lake must be held.
    ///
    /// # Errors
    /// [`LakeError::Io`]; [`LakeError::Damaged`] where a receipt does not read.
    pub fn take_back_reports(&self) -> Result<(), LakeError> {
        let Some(list) = self.store.read(&layout::reporting())? else { return Ok(()) };
        let units = match serde_json::from_slice(&list) {
            Ok(Reporting { units }) => units,
            Err(error) => {
                let path = self.locate(&layout::reporting());
                tracing::warn!("`{}` is damaged ({error}): every loss is reported once more", path.display());
                self.units_with_receipts()?
            }
        };
        for unit in units {
            // Some may have been found after all.
            if let Some(receipt) = self.receipt(unit)?.filter(|receipt| receipt.is_loss()) {
                self.record(&Receipt { reported_at: None, ..receipt })?;
            }
        }
        self.store.remove(&layout::reporting())
    }
}
