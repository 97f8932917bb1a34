//! What a person may register with: a name and an email, parsed once at the edge.
//!
//! A [`Registration`] can only be made by [`Registration::parse`], so whoever holds one need not
//! check again. The form and JSON go through the same parser.

use app_core::http::error::FieldProblem;
use email_address::{EmailAddress, Options};
use serde::Deserialize;
use utoipa::ToSchema;

/// Longest name, in characters; the column's length.
const NAME_LENGTH: usize = 255;

/// Longest email, in bytes: <https://www.rfc-editor.org/errata/eid1690>.
const EMAIL_LENGTH: usize = 254;

/// The fields as they were typed.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct Typed {
    /// The name.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 255, example = "Ada")]
    pub name: String,
    /// The email.
    #[serde(default)]
    #[schema(required = true, format = Email, max_length = 254, example = "ada@example.org")]
    pub email: String,
    /// The key to register under, where it was not sent as a header.
    #[serde(default)]
    #[schema(pattern = "^[!#-~]*$", max_length = 64)]
    pub idempotency_key: String,
}

/// Values that may be stored.
#[derive(Clone, Debug)]
pub struct Registration {
    /// How the person is called.
    pub name: Name,
    /// Where the person is reached.
    pub email: Email,
}

impl Registration {
    /// Reads what was typed.
    ///
    /// # Errors
    ///
    /// Every field that is not acceptable, with what would be.
    pub fn parse(typed: &Typed) -> Result<Self, Vec<FieldProblem>> {
        match (Name::parse(&typed.name), Email::parse(&typed.email)) {
            (Ok(name), Ok(email)) => Ok(Self { name, email }),
            (name, email) => Err([name.err(), email.err()].into_iter().flatten().collect()),
        }
    }
}

/// A name as people write theirs, in any script: 1 to 255 characters, trimmed, without characters
/// that cannot be seen or that change the order of the text around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    fn parse(typed: &str) -> Result<Self, FieldProblem> {
        let problem = |message: String| FieldProblem { field: "name", message };
        let name = typed.trim();
        if name.is_empty() {
            return Err(problem("Enter a name.".into()));
        }
        if name.chars().count() > NAME_LENGTH {
            return Err(problem(format!("The name is too long; {NAME_LENGTH} characters fit.")));
        }
        if name.chars().any(is_invisible) || !name.chars().any(char::is_alphanumeric) {
            return Err(problem(
                "The name has characters that cannot be shown, or no letter.".into(),
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, those that direct the order of text, fillers that show nothing, and code
/// points that are no characters. Joiners, variation selectors and the tags of flags are not among
/// them: several scripts and many emoji need those.
/// <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>
/// <https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point>
fn is_invisible(character: char) -> bool {
    let is_noncharacter = u32::from(character) & 0xFFFE == 0xFFFE;
    character.is_control()
        || is_noncharacter
        || matches!(character, '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}'
            | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FDD0}'..='\u{FDEF}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E001F}' | '\u{E0080}'..='\u{E00FF}'
            | '\u{E01F0}'..='\u{E0FFF}')
}

/// An email address as mail systems use them: a local part, `@`, and a domain with a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    fn parse(typed: &str) -> Result<Self, FieldProblem> {
        let problem = |message: String| FieldProblem { field: "email", message };
        let email = typed.trim();
        if email.is_empty() {
            return Err(problem("Enter an email.".into()));
        }
        if email.len() > EMAIL_LENGTH {
            return Err(problem(format!("The email is too long; {EMAIL_LENGTH} bytes fit.")));
        }
        // The RFC allows quoted local parts and bare addresses; nobody registers with one.
        let practical =
            Options::default().with_required_tld().without_domain_literal().without_display_text();
        let is_hidden = |character: char| is_invisible(character) || character.is_whitespace();
        let top_level = email.rsplit('.').next().unwrap_or_default();
        if email.contains(is_hidden)
            || email.contains('"')
            || !top_level.contains(char::is_alphabetic)
            || EmailAddress::parse_with_options(email, practical).is_err()
        {
            return Err(problem("Enter an email such as ada@example.org.".into()));
        }
        Ok(Self(email.to_owned()))
    }

    /// The email as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_at_fault(name: &str, email: &str) -> Vec<&'static str> {
        let typed = Typed { name: name.into(), email: email.into(), ..Typed::default() };
        let problems = Registration::parse(&typed).err().unwrap_or_default();
        problems.iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn names_of_every_script_are_welcome() {
        for name in
            ["Ada", "Zoë Müller-Łukasz", "李小龍", "محمد", "शिव", "O'Brien", "X Æ A-12", "Ada 👩‍💻"]
        {
            assert!(fields_at_fault(name, "ada@example.org").is_empty(), "{name}");
        }
    }

    #[test]
    fn spaces_around_are_not_part_of_a_value() {
        let typed = Typed {
            name: " \u{3000}Ada\n".into(),
            email: " ada@example.org ".into(),
            ..Typed::default()
        };
        let registration = Registration::parse(&typed).unwrap();
        assert_eq!(registration.name.as_str(), "Ada");
        assert_eq!(registration.email.as_str(), "ada@example.org");
    }

    #[test]
    fn a_name_has_1_to_255_characters_however_many_bytes_they_take() {
        assert!(fields_at_fault(&"字".repeat(255), "ada@example.org").is_empty());
        assert_eq!(fields_at_fault(&"a".repeat(256), "ada@example.org"), ["name"]);
        assert_eq!(fields_at_fault(" ", "ada@example.org"), ["name"]);
    }

    #[test]
    fn a_name_cannot_hide_or_turn_text_around() {
        for name in [
            "Ada\0",
            "Ada\u{202E}gro",
            "A\u{200B}da",
            "Ada\tLovelace",
            "\u{FEFF}Ada",
            "\u{3164}",
            "A\u{00AD}da",
            "Ada\u{FFFF}",
            "Ada\u{1D173}",
            "!?",
        ] {
            assert_eq!(fields_at_fault(name, "ada@example.org"), ["name"], "{name:?}");
        }
    }

    #[test]
    fn practical_emails_are_welcome() {
        for email in
            ["ada@example.org", "a.b+c@sub.example.co.uk", "ada_1@example.museum", "用户@例子.广告"]
        {
            assert!(fields_at_fault("Ada", email).is_empty(), "{email}");
        }
    }

    #[test]
    fn what_no_mail_reaches_is_refused() {
        let long = format!("{}@example.org", "a".repeat(250));
        for email in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "a b@example.org",
            "\"a\"@example.org",
            "ada@[127.0.0.1]",
            "Ada <ada@example.org>",
            "ada@example..org",
            "ada@1.2",
            "ada@exa\u{200B}mple.org",
            &long,
        ] {
            assert_eq!(fields_at_fault("Ada", email), ["email"], "{email:?}");
        }
    }

    #[test]
    fn every_field_at_fault_is_named_at_once() {
        assert_eq!(fields_at_fault("", ""), ["name", "email"]);
    }
}
