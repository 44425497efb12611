//! timlake: Tencent Cloud IM → data lake.

pub mod archive;
pub mod domain;
pub mod download;
pub mod json;
pub mod lake;
pub mod retry;
pub mod simulator;
pub mod spool;
pub mod table;
pub mod tim;
