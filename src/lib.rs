//! timlake: saves a company's Tencent Cloud IM messages before the vendor deletes them, as a table that analysts can query.
//!
//! # The flow
//!
//! ```text
//! cli ──► settings ──► plan ──► run ──► pipeline, unit by unit:
//!
//!   tim          asks the vendor for one hour of one chat type
//!     ▼
//!   download     address → archive on the spool, length and digests checked
//!     ▼
//!   archive      archive → lines → messages: gunzip, framing, normalization
//!     ▼
//!   table        messages → one Parquet file
//!     ▼
//!   lake         archives, rejects, Parquet file, then the receipt: published in this order
//! ```
//!
//! [`pipeline`] is where to begin to read. It alone knows all of these rooms; they know [`domain`] and never each other.
//!
//! # What always holds
//!
//! 1. Every element of every archive ends as a row, a counted exact duplicate, or a reject that keeps its bytes:
//!    `lines = rows + duplicates + rejects`, checked before a unit is committed.
//! 2. A unit is finished when its receipt is written, and not before. Everything earlier can be done again.
//! 3. The same archives give the same bytes in `messages/`, `raw/` and `rejects/`.
//! 4. A failure never moves anything past itself: what is due follows from the receipts ([`plan`]), not from a cursor.
//! 5. A finished unit asked for again keeps what it has ([`ledger`]).
//! 6. No secret reaches a log line, an error, a receipt or a metric: the key and UserSigs are wrapped, addresses print
//!    as their host, and errors of the network lose their URL before anybody sees them.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | hour | one hour of Beijing time, `YYYYMMDDHH` |
//! | unit | one hour of one chat type: what is asked for, published and recorded |
//! | archive | one of the vendor's `.gz` files of a unit |
//! | element | what stands between the commas of an archive's message list |
//! | message | an element that is a JSON object; a row of the table |
//! | reject | an element that is no message |
//! | receipt | what the ledger says of a unit |
//! | lake | the folder in which all of this rests |
//! | spool | where archives and unfinished files lie while they are worked on |

// In the order of the flow: what the user typed, what is due, one unit front to back, where it goes.
pub mod cli;
pub mod settings;

pub mod plan;
pub mod run;

pub mod pipeline;

pub mod tim;

pub mod download;

pub mod archive;

pub mod table;

pub mod lake;
pub mod ledger;

pub mod attention;
pub mod continuity;
pub mod coverage;
pub mod metrics;
pub mod report;
pub mod verify;

pub mod simulator;

// Below everything: the nouns, and small things that know nobody.
pub mod clock;
pub mod domain;
pub mod exit;
pub mod failpoint;
pub mod http;
pub mod json;
pub mod out;
pub mod retry;
pub mod spool;
pub mod telemetry;
