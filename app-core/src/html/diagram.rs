//! The pictures of both pages: boxes on the left, one above the other, and the pods on the right, a row
//! each. Both are centred, and the higher one decides how high the picture is.

/// How high the boxes are together.
const SPINE: usize = 218;

/// How far the pods are apart.
const ROW: usize = 52;

/// How far down the app's box has its middle, from where the boxes begin.
const APP: usize = 104;

/// The same of the third box.
const THIRD: usize = 194;

/// The outlines of pods by ordinal, each 26 wide and high around the point left of its middle.
const SHAPES: [&str; 6] = [
    "M5-13h16a5 5 0 0 1 5 5v16a5 5 0 0 1-5 5h-16a5 5 0 0 1-5-5v-16a5 5 0 0 1 5-5z",
    "M0 0a13 13 0 1 1 26 0a13 13 0 1 1-26 0z",
    "M6.5-12.2h13l6.5 12.2l-6.5 12.2h-13l-6.5-12.2z",
    "M13-13h13v13a13 13 0 0 1-13 13h-13v-13a13 13 0 0 1 13-13z",
    "M7.8-13h10.4l7.8 7.8v10.4l-7.8 7.8h-10.4l-7.8-7.8v-10.4z",
    "M0 0a13 13 0 0 1 26 0v11a2 2 0 0 1-2 2h-22a2 2 0 0 1-2-2z",
];

/// The shapes of the ordinals from 6 on, as the stylesheet has them; beyond these all are circles.
const LATER_SHAPES: [usize; 4] = [0, 1, 3, 5];

/// The patterns by ordinal: the ids in patterns.svg. Solid is one of them.
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

/// How high a picture is, and where its parts are.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// How high it is. It is 360 wide.
    pub height: usize,
    /// How far down the boxes begin.
    pub spine: usize,
    /// How far down the first pod is.
    first: usize,
}

/// One pod in a picture, for pod.svg.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The number in its shape.
    pub ordinal: u8,
    /// Its name.
    pub name: String,
    /// Its address, or nothing.
    pub address: String,
    /// Its role, how it is, or what is wrong with it.
    pub says: String,
    /// Whether what it says is trouble.
    pub is_trouble: bool,
    /// Whether there is a server.
    pub answers: bool,
    /// How far down its middle is.
    pub y: usize,
}

impl Frame {
    /// The frame for so many pods.
    #[must_use]
    pub fn of(pods: usize) -> Self {
        let height = SPINE.max(ROW * pods + 8);
        Self { height, spine: (height - SPINE) / 2, first: (height + ROW) / 2 - ROW * pods / 2 }
    }

    /// How far down the pod's middle is.
    #[must_use]
    pub fn row(self, index: usize) -> usize {
        self.first + index * ROW
    }

    /// How far down a way begins that leaves the app's box.
    #[must_use]
    pub fn from_app(self) -> usize {
        self.spine + APP
    }

    /// How far down a way begins that leaves the third box.
    #[must_use]
    pub fn from_third(self) -> usize {
        self.spine + THIRD
    }
}

impl Pod {
    /// Its outline.
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

    /// How far right its address begins.
    #[must_use]
    pub fn at(&self) -> usize {
        36 + 9 * self.name.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pods_are_within_the_picture_and_in_the_middle_of_it() {
        for pods in 1..=12 {
            let frame = Frame::of(pods);
            let (first, last) = (frame.row(0), frame.row(pods - 1));
            assert!(first >= ROW / 2 && last + ROW / 2 <= frame.height, "{pods}: {frame:?}");
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
