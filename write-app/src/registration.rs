//! The input of a registration: a name and an email become types here, once.
//!
//! A [`Registration`] can only be made by [`Registration::parse`], so no other
//! code checks the values again. The form and JSON use the same parser.

use app_core::http::error::FieldProblem;
use email_address::{EmailAddress, Options};
use utoipa::ToSchema;

/// Longest name, in characters; the column's length.
const NAME_LENGTH: usize = 255;

/// Longest email, in bytes: <https://www.rfc-editor.org/errata/eid1690>.
const EMAIL_LENGTH: usize = 254;

/// The fields as the person typed them.
#[derive(Clone, Debug, Default, ToSchema)]
pub(crate) struct Typed {
    #[schema(required = true, min_length = 1, max_length = 255, example = "Ada")]
    pub(crate) name: String,
    #[schema(required = true, format = Email, max_length = 254, example = "ada@example.org")]
    pub(crate) email: String,
}

/// Values that fit the table.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) name: Name,
    pub(crate) email: Email,
}

impl Registration {
    /// # Errors
    ///
    /// Every field that is not acceptable, and what to enter instead.
    pub(crate) fn parse(typed: &Typed) -> Result<Self, Vec<FieldProblem>> {
        match (Name::parse(&typed.name), Email::parse(&typed.email)) {
            (Ok(name), Ok(email)) => Ok(Self { name, email }),
            (name, email) => Err([name.err(), email.err()].into_iter().flatten().collect()),
        }
    }
}

/// A name in any script: 1 to 255 characters, without spaces around it. Characters that are invisible
/// or that change the order of the text around them are not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

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

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, characters that set the direction of text, fillers, and code points that are no
/// characters. Joiners, variation selectors and the tags of flags are allowed: several scripts and many
/// emoji need them.
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
pub(crate) struct Email(String);

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
        // The RFC allows quoted local parts and bare IP addresses, but people do not use them.
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

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid_fields(name: &str, email: &str) -> Vec<&'static str> {
        let typed = Typed { name: name.into(), email: email.into() };
        let problems = Registration::parse(&typed).err().unwrap_or_default();
        problems.iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_name_may_be_in_any_script() {
        for name in
            ["Ada", "Zoë Müller-Łukasz", "李小龍", "محمد", "शिव", "O'Brien", "X Æ A-12", "Ada 👩‍💻"]
        {
            assert!(invalid_fields(name, "ada@example.org").is_empty(), "{name}");
        }
    }

    #[test]
    fn spaces_around_a_value_are_removed() {
        let typed = Typed { name: " \u{3000}Ada\n".into(), email: " ada@example.org ".into() };
        let registration = Registration::parse(&typed).unwrap();
        assert_eq!(registration.name.as_str(), "Ada");
        assert_eq!(registration.email.as_str(), "ada@example.org");
    }

    #[test]
    fn a_name_has_1_to_255_characters_however_many_bytes_they_take() {
        assert!(invalid_fields(&"字".repeat(255), "ada@example.org").is_empty());
        assert_eq!(invalid_fields(&"a".repeat(256), "ada@example.org"), ["name"]);
        assert_eq!(invalid_fields(" ", "ada@example.org"), ["name"]);
    }

    #[test]
    fn a_name_with_characters_that_hide_or_reverse_text_is_refused() {
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
            assert_eq!(invalid_fields(name, "ada@example.org"), ["name"], "{name:?}");
        }
    }

    #[test]
    fn an_email_that_people_use_is_accepted() {
        for email in
            ["ada@example.org", "a.b+c@sub.example.co.uk", "ada_1@example.museum", "用户@例子.广告"]
        {
            assert!(invalid_fields("Ada", email).is_empty(), "{email}");
        }
    }

    #[test]
    fn an_address_that_mail_cannot_reach_is_refused() {
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
            assert_eq!(invalid_fields("Ada", email), ["email"], "{email:?}");
        }
    }

    #[test]
    fn every_invalid_field_is_named_in_one_response() {
        assert_eq!(invalid_fields("", ""), ["name", "email"]);
    }
}
