//! The certificate authorities of the public web: none.
//!
//! sqlx trusts the authority that it is told to trust, and those that the crate `webpki-roots` lists. It compares no
//! server name (see `app_core::config::tls_ca`). So a server with any certificate of the public web could pass for
//! MySQL. `[patch]` in the workspace's Cargo.toml puts this crate in place of `webpki-roots`: only the authority
//! that the operator names is left.

use rustls_pki_types::TrustAnchor;

/// No authority.
pub const TLS_SERVER_ROOTS: &[TrustAnchor<'static>] = &[];
