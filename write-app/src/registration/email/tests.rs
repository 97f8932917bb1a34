//! Emails that people use, forms of one email, and emails that are refused.

use super::*;

/// Emails that are refused, and why.
const REFUSED: &[[&str; 2]] = &[
    ["", "Enter an email."],
    ["\u{200B}", "Enter an email."],
    ["ada", "The email has no @. Enter an email such as ada@example.org."],
    ["@example.org", "There is nothing before the @."],
    ["ada@", "There is nothing after the @."],
    ["ada@.", "There is nothing after the @."],
    ["a@b@example.org", "The email has more than one @."],
    ["a b@example.org", "The part before the @ has a space."],
    ["a\u{3000}b@example.org", "The part before the @ has a space."],
    ["Ada <ada@example.org>", "The part before the @ has a space."],
    ["a\u{A0}b@example.org", "The part before the @ has a no-break space: U+00A0 after \"a\"."],
    ["a\u{2003}b@example.org", "The part before the @ has a space: U+2003 after \"a\"."],
    ["a\tb@example.org", "The part before the @ has a tab: U+0009 after \"a\"."],
    [
        "a\u{200B}b@example.org",
        "The part before the @ has a character that cannot be seen: U+200B after \"a\".",
    ],
    [
        "a\u{200D}b@example.org",
        "The part before the @ has a character that cannot be seen: U+200D after \"a\".",
    ],
    [
        "a\u{FE0F}b@example.org",
        "The part before the @ has a character that cannot be seen: U+FE0F after \"a\".",
    ],
    [
        "a\u{202E}b@example.org",
        "The part before the @ has a character that changes the order of the text: U+202E after \"a\".",
    ],
    ["\"a\"@example.org", "The part before the @ has a sign that is not allowed there: \"\"\"."],
    ["<ada@example.org", "The part before the @ has a sign that is not allowed there: \"<\"."],
    [
        "mailto:ada@example.org",
        "The part before the @ has a sign that is not allowed there: \":\".",
    ],
    ["a，b@example.org", "The part before the @ has a sign that is not allowed there: \",\"."],
    ["ada@example", "The part after the @ has no dot. Enter a domain such as example.org."],
    ["ada@exa mple.org", "The part after the @ has a space."],
    ["ada@.example.org", "The part after the @ begins with a dot."],
    ["ada@example..org", "The part after the @ has two dots in a row."],
    ["ada@example.org..", "The part after the @ has two dots in a row."],
    ["ada@example。。org", "The part after the @ has two dots in a row."],
    ["ada@-example.org", "The part after the @ has a hyphen at an end of \"-example\"."],
    ["ada@my_host.example", "The part after the @ has a sign that is not allowed there: \"_\"."],
    ["ada@[127.0.0.1]", "The part after the @ has a sign that is not allowed there: \"[\"."],
    ["ada@example.org>", "The part after the @ has a sign that is not allowed there: \">\"."],
    ["ada@127.0.0.1", "The part after the @ ends with a number, and no domain does: \"1\"."],
    ["ada@1.2", "The part after the @ ends with a number, and no domain does: \"2\"."],
    [
        "ada@exa\u{200B}mple.org",
        "The part after the @ has a character that cannot be seen: U+200B after \"exa\".",
    ],
    [
        "ada@exa\u{AD}mple.org",
        "The part after the @ has a character that cannot be seen: U+00AD after \"exa\".",
    ],
    [
        "ada@exa\u{200D}mple.org",
        "The part after the @ has \"exa\u{200D}mple\", which no domain can have.",
    ],
    ["ada@xn--zzzzzzzz-.org", "The part after the @ has a hyphen at an end of \"xn--zzzzzzzz-\"."],
    ["ada@xn--0.example", "The part after the @ has \"xn--0\", which no domain can have."],
    ["ada@\u{301}a.example", "The part after the @ has \"\u{301}a\", which no domain can have."],
    ["ada@a\u{378}.example", "The part after the @ has \"a\u{378}\", which no domain can have."],
    ["ada@a\u{E000}.example", "The part after the @ has \"a\u{E000}\", which no domain can have."],
    [
        "ada@раypal.example",
        "The part after the @ mixes Latin, Greek or Cyrillic letters, which look alike, in \"раypal\".",
    ],
    [
        "ada@xn--ypal-43d9g.example",
        "The part after the @ mixes Latin, Greek or Cyrillic letters, which look alike, in \"раypal\".",
    ],
    ["ada@1a.مثال", "The part after the @ mixes letters and digits of two directions of writing."],
    [
        "ada@gοοgle.example",
        "The part after the @ mixes Latin, Greek or Cyrillic letters, which look alike, in \"gοοgle\".",
    ],
];

fn stored(email: &str) -> String {
    Email::parse(email).unwrap_or_else(|problem| panic!("{email:?}: {problem}")).0
}

fn problem(email: &str) -> String {
    Email::parse(email).err().unwrap_or_else(|| panic!("{email:?} is accepted"))
}

#[test]
fn an_email_that_people_use_is_stored_as_it_is() {
    for email in [
        "ada@example.org",
        "a.b+c@sub.example.co.uk",
        "ada_1@example.museum",
        "O'Brien@example.org",
        "a/b=c@example.org",
        "-x@example.org",
        "1@1.example",
        "Ada@example.org",
        "ada@x-1.example",
        // Providers have given these out.
        "a..b@docomo.ne.jp",
        "abc.@ezweb.ne.jp",
        ".abc@docomo.ne.jp",
        "-x.-@ezweb.ne.jp",
        "a...@docomo.ne.jp",
        "ada@example.travelersinsurance",
        "ada@example.xn--p1ai.example",
        // Other scripts.
        "用户@例子.广告",
        "josé@example.org",
        "संपर्क@डाटामेल.भारत",
        "иван@почта.рф",
        "ada@faß.example",
        "ada@i❤.example",
        "δοκιμή@παράδειγμα.δοκιμή",
        "ada@مثال.إختبار",
        "ada@नेपाल\u{94D}\u{200D}य.example",
    ] {
        let expected = email.replace("xn--p1ai", "рф");
        assert_eq!(stored(email), expected);
    }
}

#[test]
fn forms_of_one_mailbox_are_stored_as_one() {
    for [typed, one] in [
        ["ada@xn--bcher-kva.example", "ada@bücher.example"],
        ["ada@XN--BCHER-KVA.EXAMPLE", "ada@bücher.example"],
        ["ada@BÜCHER.example", "ada@bücher.example"],
        ["ada@bu\u{308}cher.example", "ada@bücher.example"],
        ["jose\u{301}@example.org", "josé@example.org"],
        ["ada@EXAMPLE.ORG", "ada@example.org"],
        ["ada@example.org.", "ada@example.org"],
        ["ada＠example.org", "ada@example.org"],
        ["ada@example。org", "ada@example.org"],
        ["ada@example．org", "ada@example.org"],
        ["a。b@example｡org", "a.b@example.org"],
        ["ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ada@example.org"],
        ["\u{FEFF}ada@example.org\u{200B}", "ada@example.org"],
        ["\u{A0}ada@example.org\u{2060}", "ada@example.org"],
        ["\u{200E}ada@example.org\n", "ada@example.org"],
        ["\u{200D}ada@example.org\u{3000}", "ada@example.org"],
    ] {
        assert_eq!(stored(typed), one, "{typed:?}");
    }
}

#[test]
fn capitals_make_no_other_mailbox_and_other_letters_do() {
    let is_same = |one: &str, other: &str| {
        Email::parse(one).unwrap().is_same_mailbox(&Email::parse(other).unwrap())
    };
    for [one, other] in
        [["Ada@example.org", "ada@Example.ORG"], ["JOSÉ@a.example", "jose\u{301}@a.example"]]
    {
        assert!(is_same(one, other), "{one} {other}");
    }
    for [one, other] in [
        ["jose@a.example", "josé@a.example"],
        ["strasse@a.example", "straße@a.example"],
        ["ada@fass.example", "ada@faß.example"],
        ["あ@a.example", "ア@a.example"],
    ] {
        assert!(!is_same(one, other), "{one} {other}");
    }
}

#[test]
fn the_part_that_is_wrong_is_named() {
    for [email, says] in REFUSED {
        assert_eq!(problem(email), *says, "{email:?}");
    }
}

#[test]
fn an_email_fits_as_mail_systems_send_it() {
    let local = "a".repeat(64);
    let domain = |letters: usize| {
        format!("{}.{}.{}.example", "b".repeat(63), "c".repeat(63), "d".repeat(letters))
    };
    assert_eq!(stored(&format!("{local}@{}", domain(53))).len(), 254);
    assert_eq!(
        problem(&format!("{local}@{}", domain(54))),
        "The email is too long: 255 bytes, and 254 are allowed."
    );
    assert_eq!(
        problem(&format!("a{local}@example.org")),
        "The part before the @ is too long: 65 bytes, and 64 are allowed."
    );
    assert_eq!(
        problem(&format!("{}@example.org", "字".repeat(22))),
        "The part before the @ is too long: 66 bytes, and 64 are allowed."
    );
    let label = "b".repeat(64);
    assert_eq!(
        problem(&format!("ada@{label}.example")),
        format!("The part after the @ has \"{label}\", which is too long: 63 letters are allowed.")
    );
    assert_eq!(
        problem(&format!("ada@{}", format!("{}.", "b".repeat(60)).repeat(5))),
        "The part after the @ is too long: 253 bytes are allowed."
    );
    let wide = "字".repeat(30);
    let wide = stored(&format!("{local}@{wide}.{wide}.{wide}.example"));
    assert!(wide.len() > 254 && wide.chars().count() <= 254, "the column counts characters");
}
