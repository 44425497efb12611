//! A vendor of our own: `get_history` and its downloads on loopback, for trying things out and for tests.
//!
//! - As strict as the vendor: route, query, UserSig, body, rate and age of hours are judged and refused by the
//!   vendor's own codes.
//! - The messages are made up from a seed: the same unit is the same bytes, in this process and the next.
//! - Bad weather ([`Faults`]) strikes by the seed too.
//! - Loopback only: it speaks plain HTTP and has nothing to hide.
//!
//! A call runs `server` → `rate` → `gate` (who asks for what) → `calendar` (is it there) → `shelf` → [`corpus`] →
//! `addresses` → `reply`; a download runs `server` → `addresses` → `shelf` → `reply`.

mod addresses;
mod calendar;
pub mod corpus;
mod dice;
mod faults;
mod gate;
mod rate;
mod refusal;
mod reply;
mod server;
mod shelf;
mod weather;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::server::Vendor;

pub use self::faults::{Fault, Faults, FaultsError};

/// The simulated time. It may stand still or be moved; hours are old, addresses lapse and `Date` is written by it.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The vendor's limit of calls in any one second (*documented*, cloud.tencent.com/document/product/269/1650).
pub const MAX_CALLS_PER_SECOND: u32 = 10;

/// Messages an hour of each chat type in the mean, so that a week of both is about 130 000.
pub const MESSAGES_PER_HOUR: u32 = 400;

/// How long [`Running::stop`] waits for answers under way.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait after a connection could not be accepted, for want of file handles mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What to simulate.
pub struct Config {
    /// Where to listen: a loopback address; port 0 for any that is free.
    pub listen: SocketAddr,
    /// The app that exists.
    pub sdkappid: u64,
    /// Its admin account.
    pub identifier: String,
    /// Its secret key, which UserSigs must have been made with.
    pub secret_key: SecretString,
    /// What all messages and faults follow from.
    pub seed: u64,
    /// The simulated time. UserSigs alone are judged by the real clock.
    pub now: Clock,
    /// Calls admitted in any one second, [`MAX_CALLS_PER_SECOND`] at the vendor; `None` for any number.
    pub max_calls_per_second: Option<u32>,
    /// Messages an hour of each chat type in the mean over a week, such as [`MESSAGES_PER_HOUR`].
    pub messages_per_hour: u32,
    /// What goes wrong.
    pub faults: Faults,
}

/// Why the simulator does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that others can reach.
    #[error("the simulator listens on loopback only, such as 127.0.0.1:0, and not on {0}")]
    NotLoopback(SocketAddr),
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A simulator at work. It stops when this is dropped, and waits for answers under way when [stopped](Running::stop).
pub struct Running {
    endpoint: String,
    vendor: Arc<Vendor>,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl Running {
    /// The base URL, such as `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Requests so far that were no downloads, whatever the answer was.
    pub fn calls(&self) -> u64 {
        self.vendor.counts().0
    }

    /// Requests so far for download addresses, whatever the answer was.
    pub fn downloads(&self) -> u64 {
        self.vendor.counts().1
    }

    /// Stops listening, lets answers under way finish for two seconds, and closes what is left.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // An error would mean that the listener has ended already.
        let _ = self.listening.await;
    }
}

/// Starts a simulator on the current runtime. After `Ok` it accepts connections.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let address = config.listen;
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let endpoint = format!("http://{}", listener.local_addr().map_err(failed)?);
    let vendor = Arc::new(Vendor::new(endpoint.clone(), config));
    let (stop, stopped) = watch::channel(false);
    let listening = tokio::spawn(listen(listener, Arc::clone(&vendor), stopped));
    Ok(Running { endpoint, vendor, stop, listening })
}

async fn listen(listener: TcpListener, vendor: Arc<Vendor>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&vendor), stopped.clone()))),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    // Whoever has not finished by then is dropped with the set.
    let _ = tokio::time::timeout(GRACE, all_done).await;
}

/// Serves one connection until its end, or until the answer under way when the simulator stops.
async fn serve(stream: TcpStream, vendor: Arc<Vendor>, mut stopped: watch::Receiver<bool>) {
    let answer = service_fn(move |request| {
        let vendor = Arc::clone(&vendor);
        async move { vendor.answer(request).await }
    });
    // Small answers leave at once; where that cannot be set they are only slower.
    let _ = stream.set_nodelay(true);
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    // A connection that breaks is the client's to notice.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The value behind a lock; no holder of one leaves it half changed, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
