//! TLS to MySQL: every connection has it, and `DB_TLS_CA` names the authority that must have signed the
//! server's certificate.
//!
//! Without `DB_TLS_CA` the connection is encrypted, but the server is not verified. Each MySQL server here
//! signs its certificate itself when it is initialised, so by default there is no authority to name.

use std::str::FromStr;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

/// One or more certificates of authorities, in PEM.
#[derive(Clone, Debug)]
pub struct TlsCa(String);

/// The text does not consist of certificates in PEM.
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

    /// Parses them as a connection does. Each must be able to verify others. The parser ignores a certificate
    /// that begins on the line on which another ends, so their number is compared too.
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

/// Requires TLS, because the password is sent inside it, and verifies the certificate where an authority is
/// given. The server's name is not verified: sqlx would compare the address that the app connects to.
pub(crate) fn require(options: MySqlConnectOptions, ca: Option<&TlsCa>) -> MySqlConnectOptions {
    match ca {
        None => options.ssl_mode(MySqlSslMode::Required),
        Some(ca) => {
            options.ssl_mode(MySqlSslMode::VerifyCa).ssl_ca_from_pem(ca.pem().as_bytes().to_vec())
        }
    }
}

/// Whether a connection failed because of the server's certificate.
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
