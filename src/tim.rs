//! The vendor: how to prove who asks, where to ask, what to ask, and what the answers mean.

mod client;
mod error_code;
mod pace;
mod region;
mod reply;
mod signer;
pub mod usersig;

pub use client::{Client, ClientConfig, History, HistoryError, Stop};
pub use error_code::{Class, class_of};
pub use pace::Pace;
pub use region::{REGIONS, Region};
pub use signer::{Credentials, Signer};
