//! A proxy (`CONNECT`) that plays `https://vendor.example` and `https://files.example` with a certificate of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::vendor::{Connection, Vendor};

/// A connection of the TLS front.
pub type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// The proxy, serving a vendor's script over TLS whatever host is asked for.
pub struct Proxy {
    url: String,
    connects: Arc<Connects>,
}

/// The `host:port` of every tunnel asked for.
#[derive(Default)]
struct Connects {
    hosts: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Proxy {
    pub fn before(vendor: &Vendor) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connects: Arc<Connects> = Arc::default();
        let (stage, config, seen) = (vendor.stage(), Arc::new(config()), connects.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (stage, config, seen) = (stage.clone(), config.clone(), seen.clone());
                thread::spawn(move || {
                    if let Some(tunnel) = accept(stream, &seen) {
                        let connection = ServerConnection::new(config).unwrap();
                        stage.serve(Connection::Tls(Box::new(StreamOwned::new(connection, tunnel))));
                    }
                });
            }
        });
        Proxy { url, connects }
    }

    /// For `HTTPS_PROXY`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until a tunnel to this `host:port` was asked for.
    #[track_caller]
    pub fn wait_for(&self, host: &str) {
        let hosts = self.connects.hosts.lock().unwrap();
        let missing = |hosts: &mut Vec<String>| !hosts.iter().any(|seen| seen == host);
        let (hosts, waited) =
            self.connects.changed.wait_timeout_while(hosts, Duration::from_secs(30), missing).unwrap();
        assert!(!waited.timed_out(), "no tunnel to {host}, only to {hosts:?}");
    }

    /// For `SSL_CERT_FILE`.
    pub fn authority() -> PathBuf {
        pem("authority.pem")
    }
}

/// Answers a `CONNECT`; anything else is no business of this proxy.
fn accept(mut stream: TcpStream, connects: &Connects) -> Option<TcpStream> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let host = std::str::from_utf8(&head).ok()?.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    connects.hosts.lock().unwrap().push(host);
    connects.changed.notify_all();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    Some(stream)
}

fn config() -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_file(pem("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pem("server-key.pem")).unwrap();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox/tls").join(name)
}
