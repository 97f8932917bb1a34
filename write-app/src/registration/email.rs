//! What an email is.

use app_core::typed_text;
use icu_properties::props::{EnumeratedProperty as _, Script};

use super::{first_unfit, is_hidden};

/// Longest email as mail systems send it, in bytes: <https://www.rfc-editor.org/errata/eid1690>.
const EMAIL_LENGTH: usize = 254;

/// Longest part before the `@`, in bytes: <https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1>.
const LOCAL_LENGTH: usize = 64;

/// Longest domain, and longest part of one between two dots, in bytes, as DNS has them.
const DOMAIN_LENGTH: usize = 253;
const LABEL_LENGTH: usize = 63;

/// The signs that may be before the `@`, besides letters and digits of any script.
/// <https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3>
const LOCAL_SIGNS: &str = "!#$%&'*+-/=?^_`{|}~.";

/// An email as mail systems use them: a mailbox, `@`, and a domain with a dot.
///
/// - Spaces and invisible characters around it are removed. The wide signs of input methods (`＠`, `。`, `ａ`) become
///   those of ASCII, and letters with marks one character where Unicode has one (NFC).
/// - Before the `@` may be letters and digits of any script and the signs that RFC 5322 allows, at most 64 bytes. Dots
///   may be anywhere, against that RFC: providers in Japan have given out `a..b@` and `abc.@`. Capitals stay as they
///   are typed, but do not make another mailbox.
/// - After the `@` is a domain by UTS 46, the rules by which browsers read domains. It is stored and shown in Unicode
///   and in small letters: `ada@bücher.example` is what its owner writes and what a reader recognises, and
///   `xn--bcher-kva.example` becomes the same mailbox.
/// - A domain that cannot be registered is refused. So is one that mixes Latin, Greek and Cyrillic letters between two
///   dots. Such a domain looks like another one, and no registry of a top-level domain should have sold it.
/// - With the domain as DNS has it, the email has at most 254 bytes.
/// - Quotes, comments, IP addresses and display names are refused. RFC 5322 has them, but people do not use them as
///   their email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    /// # Errors
    ///
    /// A sentence that names the part that is wrong.
    pub(crate) fn parse(typed: &str) -> Result<Self, String> {
        let email = typed_text::with_ascii_signs(typed_text::trimmed(typed));
        if email.is_empty() {
            return Err("Enter an email.".into());
        }
        let Some((local, domain)) = email.rsplit_once('@') else {
            return Err("The email has no @. Enter an email such as ada@example.org.".into());
        };
        let local = local_part(local)?;
        // The dot of DNS' root may end a domain.
        let ascii = domain_part(domain.strip_suffix('.').unwrap_or(domain))?;
        let length = local.len() + 1 + ascii.len();
        if length > EMAIL_LENGTH {
            return Err(format!(
                "The email is too long: {length} bytes, and {EMAIL_LENGTH} are allowed."
            ));
        }
        Ok(Self(format!("{local}@{}", typed_text::domain_in_unicode(&ascii))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the two differ in capitals alone.
    pub(crate) fn is_same_mailbox(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

fn local_part(local: &str) -> Result<String, String> {
    const PART: &str = "The part before the @";
    if local.is_empty() {
        return Err("There is nothing before the @.".into());
    }
    let local = typed_text::composed(local);
    refuse_hidden(PART, &local, |one| is_hidden(one) || typed_text::shapes_its_neighbour(one))?;
    if local.contains('@') {
        return Err("The email has more than one @.".into());
    }
    let is_allowed =
        |one: char| !one.is_ascii() || one.is_ascii_alphanumeric() || LOCAL_SIGNS.contains(one);
    if let Some(sign) = local.chars().find(|one| !is_allowed(*one)) {
        return Err(format!("{PART} has a sign that is not allowed there: \"{sign}\"."));
    }
    if local.len() > LOCAL_LENGTH {
        return Err(format!(
            "{PART} is too long: {} bytes, and {LOCAL_LENGTH} are allowed.",
            local.len()
        ));
    }
    Ok(local.into_owned())
}

/// The domain as DNS has it.
fn domain_part(domain: &str) -> Result<String, String> {
    const PART: &str = "The part after the @";
    if domain.is_empty() {
        return Err("There is nothing after the @.".into());
    }
    refuse_hidden(PART, domain, is_hidden)?;
    if domain.starts_with('.') {
        return Err(format!("{PART} begins with a dot."));
    }
    if domain.contains("..") || domain.ends_with('.') {
        return Err(format!("{PART} has two dots in a row."));
    }
    for label in domain.split('.') {
        check_label(label).map_err(|problem| format!("{PART} {problem}"))?;
    }
    let Some(ascii) = typed_text::domain_in_ascii(domain) else {
        return Err(match domain.len() > DOMAIN_LENGTH {
            true => format!("{PART} is too long: {DOMAIN_LENGTH} bytes are allowed."),
            false => format!("{PART} mixes letters and digits of two directions of writing."),
        });
    };
    let Some((_, top_level)) = ascii.rsplit_once('.') else {
        return Err(format!("{PART} has no dot. Enter a domain such as example.org."));
    };
    if !top_level.contains(|one: char| one.is_ascii_alphabetic()) {
        return Err(format!("{PART} ends with a number, and no domain does: \"{top_level}\"."));
    }
    Ok(ascii.into_owned())
}

fn refuse_hidden(part: &str, text: &str, is_hidden: impl Fn(char) -> bool) -> Result<(), String> {
    if text.contains([' ', '\u{3000}']) {
        return Err(format!("{part} has a space."));
    }
    match first_unfit(text, |one| is_hidden(one) || one.is_whitespace()) {
        Some(character) => Err(format!("{part} has {character}.")),
        None => Ok(()),
    }
}

/// Checks what is between two dots.
fn check_label(label: &str) -> Result<(), String> {
    let is_allowed = |one: char| !one.is_ascii() || one.is_ascii_alphanumeric() || one == '-';
    if let Some(sign) = label.chars().find(|one| !is_allowed(*one)) {
        return Err(format!("has a sign that is not allowed there: \"{sign}\"."));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(format!("has a hyphen at an end of \"{label}\"."));
    }
    if label.is_ascii() && label.len() > LABEL_LENGTH {
        return Err(format!(
            "has \"{label}\", which is too long: {LABEL_LENGTH} letters are allowed."
        ));
    }
    if typed_text::domain_in_ascii(label).is_none() {
        return Err(format!("has \"{label}\", which no domain can have."));
    }
    let unicode = typed_text::domain_in_unicode(label);
    let has = |script| unicode.chars().any(|one| Script::for_char(one) == script);
    match [Script::Latin, Script::Greek, Script::Cyrillic]
        .into_iter()
        .filter(|one| has(*one))
        .count()
    {
        0 | 1 => Ok(()),
        _ => Err(format!(
            "mixes Latin, Greek or Cyrillic letters, which look alike, in \"{unicode}\"."
        )),
    }
}

#[cfg(test)]
mod tests;
