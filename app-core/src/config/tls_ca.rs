//! TLS to MySQL: always, and who must have signed a server's certificate.
//!
//! Without anybody to have signed it the connection is encrypted all the same, but to whoever answers:
//! each server of the demo signs its own certificate when it is initialised, so there is nobody to name.

use std::str::FromStr;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

/// One or more certificates, in PEM.
#[derive(Clone, Debug)]
pub struct TlsCa(String);

/// The text is not certificates in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not certificates in PEM")]
pub struct NotCertificates;

impl TlsCa {
    /// The certificates in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.0
    }
}

impl FromStr for TlsCa {
    type Err = NotCertificates;

    /// Reads them as a connection will: each must be fit to verify others, and none may be passed over, as
    /// one is that begins on the line on which another ends.
    fn from_str(text: &str) -> Result<Self, NotCertificates> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate.map_err(|_| NotCertificates)?;
            store.add(certificate).map_err(|_| NotCertificates)?;
        }
        let begun = text.matches("-----BEGIN CERTIFICATE-----").count();
        if begun == 0 || begun != store.len() {
            return Err(NotCertificates);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The password travels inside TLS. Where nobody is named who must have signed the servers' certificates,
/// they are taken as they are. A server's name is not compared: sqlx would compare the address that the
/// app has resolved the name to.
pub(crate) fn demanded(options: MySqlConnectOptions, ca: Option<&TlsCa>) -> MySqlConnectOptions {
    match ca {
        None => options.ssl_mode(MySqlSslMode::Required),
        Some(ca) => {
            options.ssl_mode(MySqlSslMode::VerifyCa).ssl_ca_from_pem(ca.pem().as_bytes().to_vec())
        }
    }
}

/// Whether a connection was given up because of the server's certificate.
pub(crate) fn is_about_a_certificate(error: &sqlx::Error) -> bool {
    let sqlx::Error::Io(error) = error else { return false };
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_in_pem_is_refused() {
        for text in [
            "",
            "/etc/ssl/ca.pem",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert_eq!(text.parse::<TlsCa>().err(), Some(NotCertificates), "{text}");
        }
    }
}
