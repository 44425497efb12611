//! What the shown units come to.

use std::fmt::Write;

use serde::Serialize;

use crate::domain::receipt::Receipt;

/// Sums over the receipts of the shown units.
#[derive(Default, Serialize)]
pub(super) struct Totals {
    /// Messages in the table.
    pub(super) rows: u64,
    /// Exact duplicates dropped.
    pub(super) duplicates: u64,
    /// Elements that are no messages.
    pub(super) rejects: u64,
    /// Length of the vendor's archives as received.
    gzip_bytes: u64,
    /// Length of what came out of them.
    file_bytes: u64,
    /// Length of those among them that are kept in `raw/`.
    raw_bytes: u64,
    /// Length of the Parquet files.
    parquet_bytes: u64,
    /// Units with a conflict.
    conflicts: u64,
    /// Files in `quarantine/`.
    quarantined: u64,
}

impl Totals {
    pub(super) fn of<'a>(receipts: impl Iterator<Item = &'a Receipt>) -> Totals {
        let mut totals = Totals::default();
        for receipt in receipts {
            totals.add(receipt);
        }
        totals
    }

    fn add(&mut self, receipt: &Receipt) {
        self.rows += receipt.rows;
        self.duplicates += receipt.duplicates;
        self.rejects += receipt.rejects;
        self.gzip_bytes += receipt.archives.iter().map(|archive| archive.gzip_bytes).sum::<u64>();
        self.file_bytes += receipt.archives.iter().map(|archive| archive.file_bytes).sum::<u64>();
        // Kept archives are bytes as received, in the order of the archives.
        let kept = receipt.raw.iter().zip(&receipt.archives);
        self.raw_bytes += kept.map(|(_, archive)| archive.gzip_bytes).sum::<u64>();
        self.parquet_bytes += receipt.parquet.as_ref().map_or(0, |parquet| parquet.bytes);
        self.conflicts += u64::from(receipt.conflict.is_some());
        self.quarantined += receipt.quarantine.len() as u64;
    }

    /// For people, each number with what it counts.
    pub(super) fn write(&self, text: &mut String) {
        let Totals { rows, duplicates, rejects, conflicts, quarantined, .. } = self;
        let [gzip, file, raw, parquet] =
            [self.gzip_bytes, self.file_bytes, self.raw_bytes, self.parquet_bytes].map(bytes);
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "messages in the table: {rows}; exact duplicates dropped: {duplicates}; rejects kept aside: {rejects}\n\
             the vendor's archives: {gzip} as gzip, {file} unpacked; kept in raw/: {raw}; Parquet files: {parquet}\n\
             units in conflict: {conflicts}; quarantined files: {quarantined}"
        );
    }
}

/// A number of bytes in words, three digits at least, powers of a thousand as disks are sold.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} bytes");
    }
    // Whole steps of a thousand until less than a million is left: that is told in thousands.
    let (mut left, mut unit) = (count, 0);
    while left >= 999_950 && unit + 1 < UNITS.len() {
        left /= 1000;
        unit += 1;
    }
    format!("{:.1} {}", left as f64 / 1000.0, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_leaves_a_whole() {
        let told = [0, 999, 1000, 1_234_567, 999_949, 999_950, 12_122_869, u64::MAX].map(bytes);
        assert_eq!(told, ["0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "999.9 kB", "1.0 MB", "12.1 MB", "18446.7 PB"]);
    }
}
