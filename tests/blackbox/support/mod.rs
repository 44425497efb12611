//! The stage the tests play on: a scripted vendor, the program, and a lake that can be read back.

pub mod archive;
pub mod lake;
pub mod program;
pub mod rebuild;
pub mod tls;
pub mod usersig;
pub mod vendor;

pub use archive::{Archive, Transfer, archive, c2c, documented, gzip, header, messages};
pub use lake::Lake;
pub use program::{Bench, Run};
pub use vendor::{Answer, Vendor, code, files};

/// The app of every test.
pub const SDKAPPID: u64 = 1_400_000_000;
/// The secret key of every test.
pub const SECRET_KEY: &str = "fake-secret-key-for-tests";

/// When the program believes to run, unless a test says otherwise: 22:00 in Beijing, exactly.
pub const NOW: &str = "2026-11-19T14:00:00Z";
/// The newest hour that is settled at [`NOW`], and the three before it.
pub const H20: &str = "2026111920";
/// See [`H20`].
pub const H19: &str = "2026111919";
/// See [`H20`].
pub const H18: &str = "2026111918";
/// See [`H20`].
pub const H17: &str = "2026111917";
/// The first second of [`H20`], Unix time.
pub const H20_START: i64 = 1_795_089_600;

/// The hour that begins `hours` before [`H20`] (later where negative).
pub fn hours_back(hours: i64) -> String {
    hour_at(H20_START - hours * 3600)
}

/// The Beijing hour that contains this Unix time.
pub fn hour_at(unix: i64) -> String {
    let beijing = chrono::DateTime::from_timestamp(unix + 8 * 3600, 0).unwrap();
    beijing.format("%Y%m%d%H").to_string()
}

/// [`NOW`] and `hours` more, as `--now` takes it; fractions of an hour are allowed.
pub fn now_plus(hours: f64) -> String {
    let instant = chrono::DateTime::parse_from_rfc3339(NOW).unwrap().timestamp() + (hours * 3600.0) as i64;
    chrono::DateTime::from_timestamp(instant, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
