//! What a MySQL password may be. bootstrap.sh and the backup job read the Secret by the same rule, which
//! docs/credentials.md states.

use std::str::FromStr;

/// The longest password that `caching_sha2_password` accepts, in bytes.
const LONGEST: usize = 256;

/// What a password must be, for the message about another one.
pub(super) const MUST_BE: &str =
    "1 to 256 bytes of UTF-8 without a line end or another control character inside";

/// A password that MySQL accepts.
pub(super) struct Password(pub(super) String);

impl FromStr for Password {
    type Err = ();

    /// Line ends at the end do not count: editors and `echo` add one.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim_end_matches(['\r', '\n']);
        let is_usable = (1..=LONGEST).contains(&text.len())
            && !text.bytes().any(|byte| byte.is_ascii_control());
        if is_usable { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}
