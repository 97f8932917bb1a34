//! Fonts of different widths. The system decides which font `system-ui` is, so the pages must do with any.

use serde_json::json;

use crate::browser::Browser;

/// A font for text and one for code.
#[derive(Clone, Copy, Debug)]
pub struct Fonts {
    /// That for text.
    pub text: &'static str,
    /// That for code.
    pub code: &'static str,
}

/// A narrow font. On Debian 12 it comes with `fonts-liberation`, later with `fonts-liberation-sans-narrow`.
pub const NARROW: Fonts = Fonts { text: "Liberation Sans Narrow", code: "Liberation Mono" };

/// A font as wide as those of most systems, from `fonts-liberation`.
pub const USUAL: Fonts = Fonts { text: "Liberation Sans", code: "Liberation Mono" };

/// A wide font, from `fonts-dejavu-core`.
pub const WIDE: Fonts = Fonts { text: "DejaVu Sans", code: "DejaVu Sans Mono" };

/// Gives each rule of the page's styles another font, and returns the elements that have none of the two. A rule in
/// another style sheet would not do: it cannot tell code from text.
const SET_FONTS: &str = "
    const [text, code] = arguments[0];
    const rulesIn = list => [...list].flatMap(rule => [rule, ...rulesIn(rule.cssRules ?? [])]);
    window.fontRules ??= rulesIn([...document.styleSheets].flatMap(sheet => [...sheet.cssRules]))
        .filter(rule => rule.style?.fontFamily && !/inherit/.test(rule.style.fontFamily))
        .map(rule => ({ style: rule.style, isCode: /monospace/.test(rule.style.fontFamily) }));
    for (const { style, isCode } of window.fontRules) style.fontFamily = `'${isCode ? code : text}'`;
    return [...document.body.querySelectorAll('*')].filter(element => {
        const family = getComputedStyle(element).fontFamily;
        return element.checkVisibility() && ![text, code].some(font => family.includes(font));
    }).map(element => element.outerHTML.slice(0, 200))";

impl Browser {
    /// Shows the open page in other fonts: one for text, one for code. Reloading undoes it.
    ///
    /// # Panics
    ///
    /// Where an element has none of the two. So a test cannot pass in the wrong font.
    pub async fn set_fonts(&self, fonts: Fonts) {
        let others = self.run_with(SET_FONTS, json!([[fonts.text, fonts.code]])).await;
        assert_eq!(others, json!([]), "these are in another font than {fonts:?}");
    }
}
