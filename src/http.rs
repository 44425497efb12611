//! What our two HTTP clients, for asking and for downloading, have in common.

use reqwest::{Certificate, Client, ClientBuilder};

/// A client that names itself, obeys the usual proxy and certificate variables, and is otherwise as `configure` says.
///
/// To a vendor on this machine (`loopback`) no proxy is used, and the machine may be without any certificates.
///
/// # Errors
/// Where the machine has no certificates to check the vendor's with.
pub fn client(loopback: bool, configure: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Client, NoCertificates> {
    let builder = || {
        let builder = Client::builder().user_agent(concat!("timlake/", env!("CARGO_PKG_VERSION")));
        configure(if loopback { builder.no_proxy() } else { builder })
    };
    match builder().build() {
        Err(_) if loopback => builder().tls_certs_only(Vec::<Certificate>::new()).build(),
        other => other,
    }
    .map_err(NoCertificates)
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot prepare for https: install the package ca-certificates, or set SSL_CERT_FILE to a file of certificates"
)]
pub struct NoCertificates(#[source] reqwest::Error);
