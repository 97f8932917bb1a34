//! The input of a registration: a name and an email become types here, once.
//!
//! A [`Registration`] can only be made by [`Registration::parse`], so no other
//! code checks the values again. The form and JSON use the same parser.

mod email;
mod name;

use app_core::{http::error::FieldProblem, typed_text};
use icu_properties::props::{BidiControl, BinaryProperty as _, NoncharacterCodePoint};
use utoipa::ToSchema;

pub(crate) use self::{email::Email, name::Name};

/// The fields as the person typed them.
#[derive(Clone, Debug, Default, ToSchema)]
pub(crate) struct Typed {
    #[schema(required = true, min_length = 1, max_length = 255, example = "Ada")]
    pub(crate) name: String,
    #[schema(required = true, format = Email, max_length = 254, example = "ada@example.org")]
    pub(crate) email: String,
}

impl Typed {
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_empty() && self.email.is_empty()
    }
}

/// Values that fit the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) name: Name,
    pub(crate) email: Email,
}

impl Registration {
    /// # Errors
    ///
    /// Every field that is not acceptable, and what to enter instead.
    pub(crate) fn parse(typed: &Typed) -> Result<Self, Vec<FieldProblem>> {
        let problem = |field| move |message| FieldProblem { field, message };
        let name = Name::parse(&typed.name).map_err(problem("name"));
        let email = Email::parse(&typed.email).map_err(problem("email"));
        match (name, email) {
            (Ok(name), Ok(email)) => Ok(Self { name, email }),
            (name, email) => Err([name.err(), email.err()].into_iter().flatten().collect()),
        }
    }
}

/// Names the first of the characters that `is_unfit` describes: what it is, its code point, and what is before it.
fn first_unfit(text: &str, is_unfit: impl Fn(char) -> bool) -> Option<String> {
    const SHOWN: usize = 20;
    let (at, character) = text.char_indices().find(|(_, one)| is_unfit(*one))?;
    let before: Vec<_> = text[..at].chars().collect();
    let shown: String = before[before.len().saturating_sub(SHOWN)..].iter().collect();
    let place = match shown.is_empty() {
        true => "at the beginning".to_owned(),
        false => format!("after \"{shown}\""),
    };
    Some(format!("{}: U+{:04X} {place}", kind(character), u32::from(character)))
}

fn kind(character: char) -> &'static str {
    match character {
        '\t' => "a tab",
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break",
        '\u{A0}' | '\u{2007}' | '\u{202F}' => "a no-break space",
        _ if character.is_control() => "a control character",
        _ if character.is_whitespace() => "a space",
        _ if BidiControl::for_char(character) => "a character that changes the order of the text",
        _ if NoncharacterCodePoint::for_char(character) => "a code point that is no character",
        _ => "a character that cannot be seen",
    }
}

/// What a name may not contain. The same holds for an email.
fn is_hidden(character: char) -> bool {
    // Of ASCII, this says all, without a look at Unicode's tables.
    if character.is_ascii() {
        return character.is_control();
    }
    character.is_control()
        || NoncharacterCodePoint::for_char(character)
        || typed_text::is_invisible(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invalid_field_is_named_in_one_response() {
        let problems = Registration::parse(&Typed::default()).unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["name", "email"]);
    }
}
