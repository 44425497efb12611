//! timlake: Tencent Cloud IM → data lake.

pub mod archive;
pub mod cli;
pub mod clock;
pub mod coverage;
pub mod domain;
pub mod download;
pub mod exit;
pub mod json;
pub mod lake;
pub mod ledger;
pub mod metrics;
pub mod out;
pub mod pipeline;
pub mod plan;
pub mod retry;
pub mod run;
pub mod settings;
pub mod simulator;
pub mod spool;
pub mod table;
pub mod telemetry;
pub mod tim;
