//! The geometry of the diagrams on both apps' pages: three boxes in a column on the left, the pods in a
//! column on the right. Both columns are centred, and the higher one gives the diagram its height.

/// Height of the column of boxes.
const BOXES_HEIGHT: usize = 218;

/// Distance from pod to pod.
const ROW_HEIGHT: usize = 52;

/// Where lines leave the app's box, measured from the top of the boxes.
const APP_Y: usize = 104;

/// Where lines leave the third box, measured from the top of the boxes.
const THIRD_BOX_Y: usize = 194;

/// The outlines of pods by ordinal, each 26 wide and 26 high. The origin is the middle of the left side.
const SHAPES: [&str; 6] = [
    "M5-13h16a5 5 0 0 1 5 5v16a5 5 0 0 1-5 5h-16a5 5 0 0 1-5-5v-16a5 5 0 0 1 5-5z",
    "M0 0a13 13 0 1 1 26 0a13 13 0 1 1-26 0z",
    "M6.5-12.2h13l6.5 12.2l-6.5 12.2h-13l-6.5-12.2z",
    "M13-13h13v13a13 13 0 0 1-13 13h-13v-13a13 13 0 0 1 13-13z",
    "M7.8-13h10.4l7.8 7.8v10.4l-7.8 7.8h-10.4l-7.8-7.8v-10.4z",
    "M0 0a13 13 0 0 1 26 0v11a2 2 0 0 1-2 2h-22a2 2 0 0 1-2-2z",
];

/// The shapes of the ordinals from 6 on, as in the stylesheet. All ordinals after these are circles.
const LATER_SHAPES: [usize; 4] = [0, 1, 3, 5];

/// The patterns by ordinal: the ids in patterns.svg. None is solid.
const PATTERNS: [Option<&str>; 10] = [
    None,
    Some("h"),
    Some("r"),
    Some("o"),
    Some("v"),
    Some("l"),
    Some("h"),
    Some("r"),
    Some("v"),
    Some("o"),
];

/// The height of a diagram, and the positions of its parts. All numbers are units of the SVG's `viewBox`.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Its height. The width is 360.
    pub height: usize,
    /// The top of the boxes.
    pub spine: usize,
    /// The middle of the first pod.
    first_row: usize,
}

/// One pod in a diagram, for pod.svg.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The number in its shape.
    pub ordinal: u8,
    /// Its name.
    pub name: String,
    /// Its address, or an empty text.
    pub address: String,
    /// The second line of its text: its role, or what is wrong with it.
    pub says: String,
    /// Whether that line is about a problem.
    pub is_trouble: bool,
    /// Whether a server answers there.
    pub answers: bool,
    /// The height of its middle, from the top.
    pub y: usize,
}

impl Frame {
    /// The frame of a diagram with this number of pods.
    #[must_use]
    pub fn of(pods: usize) -> Self {
        let height = BOXES_HEIGHT.max(ROW_HEIGHT * pods + 8);
        Self {
            height,
            spine: (height - BOXES_HEIGHT) / 2,
            first_row: (height + ROW_HEIGHT) / 2 - ROW_HEIGHT * pods / 2,
        }
    }

    /// The middle of the pod with this index.
    #[must_use]
    pub fn row(self, index: usize) -> usize {
        self.first_row + index * ROW_HEIGHT
    }

    /// Where a line begins that leaves the app's box.
    #[must_use]
    pub fn from_app(self) -> usize {
        self.spine + APP_Y
    }

    /// Where a line begins that leaves the third box.
    #[must_use]
    pub fn from_third(self) -> usize {
        self.spine + THIRD_BOX_Y
    }
}

impl Pod {
    /// The path of its outline.
    #[must_use]
    pub fn shape(&self) -> &'static str {
        let ordinal = usize::from(self.ordinal);
        let later = || ordinal.checked_sub(SHAPES.len()).and_then(|at| LATER_SHAPES.get(at));
        SHAPES.get(ordinal).copied().unwrap_or_else(|| SHAPES[later().copied().unwrap_or(1)])
    }

    /// The id of its pattern.
    #[must_use]
    pub fn pattern(&self) -> Option<&'static str> {
        PATTERNS.get(usize::from(self.ordinal)).copied().flatten()
    }

    /// Where its address begins, right of its name.
    #[must_use]
    pub fn at(&self) -> usize {
        36 + 9 * self.name.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pods_are_inside_the_diagram_and_centred() {
        for pods in 1..=12 {
            let frame = Frame::of(pods);
            let (first, last) = (frame.row(0), frame.row(pods - 1));
            assert!(
                first >= ROW_HEIGHT / 2 && last + ROW_HEIGHT / 2 <= frame.height,
                "{pods}: {frame:?}"
            );
            assert_eq!(first, frame.height - last, "{pods}: {frame:?}");
        }
    }

    #[test]
    fn every_ordinal_has_a_shape() {
        let pod = |ordinal| Pod {
            ordinal,
            name: format!("mysql-{ordinal}"),
            address: String::new(),
            says: String::new(),
            is_trouble: false,
            answers: true,
            y: 0,
        };
        assert_eq!(pod(6).shape(), pod(0).shape());
        assert_ne!(pod(6).pattern(), pod(0).pattern());
        assert_eq!((pod(255).shape(), pod(255).pattern()), (pod(1).shape(), None));
    }
}
