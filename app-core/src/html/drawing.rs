//! The drawing on both pages: the three names at the left, the pods at the right, and a line for each way from a name
//! to a pod.
//!
//! Names and pods are text that flows, in any font. Each of the two columns divides the height of the drawing into rows
//! of equal height. So the ends of a line are known in percent, and no text is placed by a guess of its size.

/// What drawing.html shows.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// The names, from the top.
    pub names: Vec<Name>,
    /// The pods, from the top.
    pub pods: Vec<Pod>,
    /// The ways. What comes later is drawn over what comes earlier.
    pub ways: Vec<Way>,
    /// The way of the last query or write, for a person who does not see the drawing.
    pub text: String,
    /// What the thick line is: the first words of the legend.
    pub lit: &'static str,
    /// A sentence under the drawing.
    pub caption: Option<String>,
}

/// A name that a client can connect to.
#[derive(Clone, Debug)]
pub struct Name {
    /// The name.
    pub name: String,
    /// What DNS answers, such as an address.
    pub answer: String,
    /// What that means, in a few words.
    pub says: String,
    /// Whether the last query or write went by this name.
    pub is_used: bool,
    /// Where the page offers the name as a choice: the value of its radio button.
    pub value: Option<&'static str>,
    /// Where another page uses the name: that page.
    pub link: Option<String>,
}

/// One pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The number in its shape.
    pub ordinal: u8,
    /// Its name.
    pub name: String,
    /// Its address, or an empty text.
    pub address: String,
    /// Its role, or what is wrong with it.
    pub says: String,
    /// Whether that is a problem.
    pub is_trouble: bool,
    /// Whether a server answers there.
    pub answers: bool,
}

/// A line from a name to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The index of the name.
    pub name: usize,
    /// The index of the pod.
    pub pod: usize,
    /// Its CSS classes.
    pub classes: String,
}

impl Drawing {
    /// The classes of the lines, and what such a line is.
    #[must_use]
    pub fn legend(&self) -> [(&'static str, &'static str); 3] {
        [
            (" lit", self.lit),
            (" maybe", "the cluster may pick it, if ready"),
            ("", "DNS gives its address"),
        ]
    }

    /// The SVG path of a way, in percent of the width and the height between the two columns.
    #[must_use]
    pub fn path(&self, way: &Way) -> String {
        let from = middle(way.name, self.names.len());
        let to = middle(way.pod, self.pods.len());
        format!("M0 {from}C60 {from} 40 {to} 100 {to}")
    }
}

/// The middle of a row in percent of the height of all rows, with one decimal.
fn middle(index: usize, rows: usize) -> String {
    // In whole numbers: rounding floats would take almost three times as many instructions.
    let rows = rows.max(1);
    let tenths = ((2 * index + 1) * 1000 + rows) / (2 * rows);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_from_the_middle_of_a_name_to_the_middle_of_a_pod() {
        for (index, rows, percent) in [
            (0, 1, "50.0"),
            (0, 2, "25.0"),
            (1, 2, "75.0"),
            (9, 10, "95.0"),
            (1, 3, "50.0"),
            (0, 3, "16.7"),
        ] {
            assert_eq!(middle(index, rows), percent, "{index} of {rows}");
        }
    }
}
