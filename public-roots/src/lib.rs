//! The certificate authorities of the public web: none.
//!
//! Beside the authority that it is told to trust, sqlx trusts those that the crate `webpki-roots` lists;
//! and names are not compared (see `app_core::tls`). So anybody with any certificate of the web could pass
//! for MySQL. This crate takes the place of that one, by `[patch]` in the workspace's Cargo.toml, and only
//! the authority that the operator names is left.

use rustls_pki_types::TrustAnchor;

/// Nobody.
pub const TLS_SERVER_ROOTS: &[TrustAnchor<'static>] = &[];
