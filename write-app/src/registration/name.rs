//! What a name is.

use app_core::typed_text;
use icu_properties::props::{EnumeratedProperty as _, GeneralCategory, GeneralCategoryGroup};

use super::{first_unfit, is_hidden};

/// Longest name, in characters; the column's length.
const NAME_LENGTH: usize = 255;

/// A name in any script, as the person writes it.
///
/// - Spaces and invisible characters around it are removed. Letters with marks become one character where Unicode has
///   one (NFC), since a keyboard may send either form. Nothing else is changed.
/// - It has 1 to 255 characters, counted after that, and among them a letter, a digit or a symbol such as an emoji.
/// - Characters that cannot be seen or that change the order of the text are refused. With them, two names would look
///   the same, or a name would change the text beside it. Tabs, line breaks and no-break spaces are refused too, since
///   no search for the name as it looks would have them.
/// - Joiners, variation selectors and the tags of flags are allowed: Persian, Hindi, Mongolian and many emoji need
///   them. So are many marks on one letter, and code points that Unicode may define one day.
///
/// Two people may have the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// # Errors
    ///
    /// A sentence that says what is wrong with the name.
    pub(super) fn parse(typed: &str) -> Result<Self, String> {
        let name = typed_text::composed(typed_text::trimmed(typed));
        if name.is_empty() {
            return Err("Enter a name.".into());
        }
        if let Some(character) = first_unfit(&name, is_unfit) {
            return Err(format!("The name has {character}."));
        }
        if !name.chars().any(names_something) {
            return Err(
                "The name has no letter. Enter a name with a letter, a digit or an emoji.".into()
            );
        }
        let length = name.chars().count();
        if length > NAME_LENGTH {
            return Err(format!(
                "The name is too long: {length} characters, and {NAME_LENGTH} are allowed."
            ));
        }
        Ok(Self(name.into_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_unfit(character: char) -> bool {
    is_hidden(character) || matches!(character, '\u{A0}' | '\u{2007}' | '\u{202F}')
}

fn names_something(character: char) -> bool {
    use GeneralCategoryGroup as Group;
    let groups = Group::Letter.union(Group::Number).union(Group::OtherSymbol);
    // The empty cell of Braille is a symbol for Unicode.
    groups.contains(GeneralCategory::for_char(character)) && character != '\u{2800}'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as people write them: with marks, with joiners and selectors, and with what else is no plain letter.
    const NAMES: &[&str] = &[
        "Ada",
        "Zoë Müller-Łukasz",
        "李小龍",
        "山田\u{3000}太郎",
        "محمد",
        "شिव",
        "O'Brien",
        "X Æ A-12",
        "हिन्दी",
        "विक्रम सिंह",
        "สมชาย ใจดี",
        "កម្ពុជា",
        "Nguyễn Thị Ánh",
        "ཀརྨ་པ",
        "J\u{308}onas",
        "ǖ",
        "می\u{200C}خواهم",
        "क्\u{200D}ष",
        "ශ්\u{200D}රී",
        "അവന്\u{200D}",
        "ᠮᠣᠩᠭᠣᠯ\u{180E}ᠠ",
        "葛\u{E0100}城",
        "Ada 👩\u{200D}💻",
        "😀",
        "❤\u{FE0F}",
        "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
        "7",
        "Z\u{336}\u{327}\u{489}\u{301}\u{302}a\u{336}l\u{489}g\u{300}o",
        "A\u{378}",
        "한글",
        "ㄱ",
    ];

    /// Names that are refused, and for what.
    const REFUSED: &[(&str, &str)] = &[
        ("A\u{200B}da", "a character that cannot be seen: U+200B after \"A\""),
        ("A\u{AD}da", "a character that cannot be seen: U+00AD after \"A\""),
        ("Ada\u{FEFF}Lovelace", "a character that cannot be seen: U+FEFF after \"Ada\""),
        ("Zoe\u{308}\u{2060}!", "a character that cannot be seen: U+2060 after \"Zoë\""),
        ("A\u{3164}da", "a character that cannot be seen: U+3164 after \"A\""),
        ("A\u{FFF9}d\u{FFFA}a\u{FFFB}", "a character that cannot be seen: U+FFF9 after \"A\""),
        ("A\u{1D173}da", "a character that cannot be seen: U+1D173 after \"A\""),
        ("Ada\u{202E}gro", "a character that changes the order of the text: U+202E after \"Ada\""),
        (
            "A\u{2066}d\u{2069}a",
            "a character that changes the order of the text: U+2066 after \"A\"",
        ),
        ("A\u{61C}da", "a character that changes the order of the text: U+061C after \"A\""),
        ("Ada\tLovelace", "a tab: U+0009 after \"Ada\""),
        ("Ada\r\nLovelace", "a line break: U+000D after \"Ada\""),
        ("Ada\u{2028}Lovelace", "a line break: U+2028 after \"Ada\""),
        ("Ada\u{A0}Lovelace", "a no-break space: U+00A0 after \"Ada\""),
        ("Ada\u{202F}Lovelace", "a no-break space: U+202F after \"Ada\""),
        ("Ada\0", "a control character: U+0000 after \"Ada\""),
        ("\u{1B}[31mAda", "a control character: U+001B at the beginning"),
        ("Ada\u{FFFF}", "a code point that is no character: U+FFFF after \"Ada\""),
        ("\u{FDD0}Ada", "a code point that is no character: U+FDD0 at the beginning"),
    ];

    fn problem(name: &str) -> String {
        Name::parse(name).unwrap_err()
    }

    #[test]
    fn a_name_may_be_in_any_script() {
        for name in NAMES {
            let same = typed_text::composed(name).into_owned();
            assert_eq!(Name::parse(name), Ok(Name(same)), "{name}");
        }
    }

    #[test]
    fn the_two_forms_of_a_name_with_marks_are_the_same_name() {
        for name in [
            "Zoë",
            "Nguyễn Thị Ánh",
            "Дмитрий",
            "がくぶち",
            "한글",
            "\u{958}ाज\u{93C}ी",
            "Ångström",
            "ệ",
            "\u{FB2A}לום",
        ] {
            let [composed, decomposed] = [typed_text::composed(name), typed_text::decomposed(name)]
                .map(|name| Name::parse(&name));
            assert_ne!(typed_text::decomposed(name), name, "the forms differ");
            assert_eq!(composed, decomposed);
        }
        assert_eq!(Name::parse("e\u{302}\u{323}"), Name::parse("ệ"), "marks in another order");
        assert_eq!(
            Name::parse("\u{212B}ngström"),
            Name::parse("Ångström"),
            "a letter that is defined twice"
        );
        assert_ne!(Name::parse("Zoë"), Name::parse("Zoe"));
        assert_ne!(
            Name::parse("Ａｄａ"),
            Name::parse("Ada"),
            "what looks different stays different"
        );
    }

    #[test]
    fn what_is_pasted_along_with_a_name_is_removed() {
        for typed in [
            " \u{3000}Ada\n",
            "\u{FEFF}Ada",
            "Ada\u{200B}",
            "\u{200E}Ada\u{200E}",
            "\u{A0}Ada\u{A0}",
            "\u{2060}Ada",
            "\u{2068}Ada\u{2069}",
            "Ada\t",
        ] {
            assert_eq!(Name::parse(typed), Ok(Name("Ada".into())), "{typed:?}");
        }
    }

    #[test]
    fn a_name_has_1_to_255_characters_however_many_bytes_they_take_and_however_they_were_typed() {
        for fits in ["字".repeat(255), "e\u{301}".repeat(255), "😀".repeat(255)] {
            assert!(Name::parse(&fits).is_ok());
        }
        assert_eq!(
            problem(&"a".repeat(256)),
            "The name is too long: 256 characters, and 255 are allowed."
        );
        // NFC has no single character for these.
        assert_eq!(
            problem(&"\u{958}".repeat(128)),
            "The name is too long: 256 characters, and 255 are allowed."
        );
        for empty in ["", " ", "\u{3164}", "\u{200B}\u{FEFF}", "\u{200D}", "\u{2800}"] {
            assert_eq!(problem(empty), "Enter a name.", "{empty:?}");
        }
    }

    #[test]
    fn a_name_of_marks_or_signs_alone_is_refused() {
        for name in [
            "!?",
            "\u{301}",
            "ि",
            "\u{0E34}",
            "-",
            "...",
            "$",
            "…",
            "\u{93C}\u{94D}",
            "_",
            "<>",
            "\u{E000}",
        ] {
            assert_eq!(
                problem(name),
                "The name has no letter. Enter a name with a letter, a digit or an emoji.",
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_character_that_a_name_must_not_have_is_named_with_its_place() {
        for (name, says) in REFUSED {
            assert_eq!(problem(name), format!("The name has {says}."), "{name:?}");
        }
        let long = format!("{}\u{200B}b", "A".repeat(300));
        assert_eq!(
            problem(&long).matches('A').count(),
            20,
            "the end of what is before it is enough"
        );
    }
}
