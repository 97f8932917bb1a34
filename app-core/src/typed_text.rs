//! Text as people type and paste it. Two forms that mean the same to a person become one.
//!
//! write-app stores the one form. read-app searches for it, and for the forms in which older rows may be stored.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{
    BidiControl, BinaryProperty as _, DefaultIgnorableCodePoint, VariationSelector,
};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The text without spaces and invisible characters around it, which come along when text is copied. What shapes
/// the letter before it stays at the end: some names in Malayalam end with a joiner, some emoji with a selector.
pub fn trimmed(text: &str) -> &str {
    let begins = |one: char| is_blank(one) || shapes_its_neighbour(one);
    text.trim_start_matches(begins).trim_end_matches(is_blank)
}

fn is_blank(character: char) -> bool {
    // The empty cell of Braille is no space for Unicode.
    character.is_whitespace() || character == '\u{2800}' || is_invisible(character)
}

/// Whether a character shows nothing, or only changes the order of the text around it.
/// <https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point>
/// <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>
pub fn is_invisible(character: char) -> bool {
    let hides = DefaultIgnorableCodePoint::for_char(character)
        // Line separators, and the marks of interlinear annotations.
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{FFF9}'..='\u{FFFB}');
    BidiControl::for_char(character) || (hides && !shapes_its_neighbour(character))
}

/// Joiners, variation selectors, and the tags of flags: several scripts and many emoji need them.
pub fn shapes_its_neighbour(character: char) -> bool {
    matches!(character, '\u{180E}' | '\u{200C}' | '\u{200D}' | '\u{E0020}'..='\u{E007F}')
        || VariationSelector::for_char(character)
}

/// With one character for a letter and its marks, where there is one: NFC.
pub fn composed(text: &str) -> Cow<'_, str> {
    const { ComposingNormalizerBorrowed::new_nfc() }.normalize(text)
}

/// With a character for each mark: NFD.
pub fn decomposed(text: &str) -> Cow<'_, str> {
    const { DecomposingNormalizerBorrowed::new_nfd() }.normalize(text)
}

/// An email, or its beginning, with the `@`, dots, letters and digits of ASCII for the wide ones, which input
/// methods of East Asia write.
pub fn with_ascii_signs(email: &str) -> String {
    let sign = |character| match character {
        '\u{3002}' | '\u{FF61}' => '.',
        '\u{FE6B}' => '@',
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character)
        }
        other => other,
    };
    email.chars().map(sign).collect()
}

/// The domain as DNS has it, such as `xn--bcher-kva.example`, by [UTS 46](https://www.unicode.org/reports/tr46/).
/// `None` where no such domain can be registered.
pub fn domain_in_ascii(domain: &str) -> Option<Cow<'_, str>> {
    let (only_letters, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    Uts46::new()
        .to_ascii(domain.as_bytes(), only_letters, hyphens, DnsLength::VerifyAllowRootDot)
        .ok()
}

/// The domain as people read it, such as `bücher.example`. What cannot be a domain stays as it is: it may be the
/// beginning of one.
pub fn domain_in_unicode(domain: &str) -> Cow<'_, str> {
    match Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow) {
        (domain, Ok(())) => domain,
        (_, Err(_)) => Cow::Borrowed(domain),
    }
}

/// The two forms of an email, or of its beginning: with the domain as people read it, and as DNS has it.
pub fn email_forms(email: &str) -> [String; 2] {
    let email = with_ascii_signs(email);
    let Some((local, domain)) = email.rsplit_once('@') else { return [email.clone(), email] };
    let ascii = domain_in_ascii(domain).unwrap_or(Cow::Borrowed(domain));
    [domain_in_unicode(domain), ascii].map(|domain| format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_along_when_text_is_copied_is_trimmed() {
        for end in [
            " ",
            "\n",
            "\u{A0}",
            "\u{3000}",
            "\u{202F}",
            "\u{2800}",
            "\u{FEFF}",
            "\u{200B}",
            "\u{200E}",
            "\u{200F}",
            "\u{061C}",
            "\u{2060}",
            "\u{AD}",
            "\u{202A}",
            "\u{202C}",
            "\u{2068}",
            "\u{2069}",
            "\u{2028}",
            "\u{3164}",
            " \u{200B} \u{FEFF}",
        ] {
            assert_eq!(trimmed(&format!("{end}Ada Lovelace{end}")), "Ada Lovelace", "{end:?}");
            assert_eq!(trimmed(end), "", "{end:?}");
        }
    }

    #[test]
    fn what_shapes_a_letter_stays_behind_it() {
        for name in
            ["അവന്\u{200D}", "❤\u{FE0F}", "ᠠ\u{180E}ᠠ\u{180B}", "می\u{200C}خواهم", "👩\u{200D}💻"]
        {
            assert_eq!(trimmed(name), name);
        }
        assert_eq!(trimmed("\u{200D}Ada"), "Ada", "there is no letter before it");
    }

    #[test]
    fn an_email_has_one_form_for_people_and_one_for_dns() {
        let bucher = ["ada@bücher.example", "ada@xn--bcher-kva.example"].map(str::to_owned);
        for typed in [
            "ada@bücher.example",
            "ada@BÜCHER.Example",
            "ada@xn--bcher-kva.example",
            "ada@XN--BCHER-KVA.EXAMPLE",
            "ada@bu\u{308}cher.example",
            "ada＠bücher。example",
            "ａｄａ＠ｂücher．ｅｘａｍｐｌｅ",
        ] {
            assert_eq!(email_forms(typed), bucher, "{typed}");
        }
    }

    #[test]
    fn the_beginning_of_an_email_is_no_error() {
        for text in [
            "",
            "ada",
            "ada@",
            "@",
            "ada@xn--",
            "ada@-",
            "ada@a..b",
            "ada@a b",
            "@@",
            "ada@xn--zz.",
        ] {
            assert_eq!(email_forms(text)[0], text);
        }
        assert_eq!(email_forms("ada@xn--bcher-kva.exa")[0], "ada@bücher.exa");
        assert_eq!(email_forms("ada@bücher.exa")[1], "ada@xn--bcher-kva.exa");
    }
}
