//! The way of the last query as a picture: browser, read-app, the name that was asked for, the pods.

use crate::{
    dots::Dot,
    names::NamesView,
    params::Params,
    pods::PodView,
    reads::{Reads, mode::Via},
    times,
};

/// The space between two pods, and above the first.
const ROW: usize = 56;

/// The picture's numbers and words; the template draws them.
pub(super) struct Diagram {
    pub(super) is_headless: bool,
    /// The address of the Service, or for the headless one that it has none.
    pub(super) service: String,
    pub(super) height: usize,
    pub(super) pods: Vec<DiagramPod>,
    /// The picture in words.
    pub(super) text: String,
    pub(super) is_lit: bool,
}

/// One pod in the picture.
pub(super) struct DiagramPod {
    pub(super) ordinal: u8,
    pub(super) name: String,
    pub(super) address: String,
    /// Its role and lag, or what is wrong with it.
    pub(super) says: String,
    pub(super) answers: bool,
    /// Whether the last query went here.
    pub(super) is_lit: bool,
    pub(super) y: usize,
}

impl Diagram {
    pub(super) fn new(reads: &Reads, params: &Params, names: &NamesView, pods: &[PodView]) -> Self {
        let lit = match params.dots.last() {
            Some(Dot::Pod(ordinal)) => Some(ordinal),
            _ => None,
        };
        let is_headless = params.mode.via == Via::Mysql;
        let host = reads.host(params.mode.via);
        let place =
            |(index, pod): (usize, &PodView)| DiagramPod::new(pod, index * ROW + ROW / 2, lit);
        let way = match lit {
            Some(ordinal) => format!("The last query went to mysql-{ordinal}."),
            None => "No query has been answered yet.".to_owned(),
        };
        Self {
            is_headless,
            service: names.first_address(host).unwrap_or_else(|| "no address".to_owned()),
            height: (pods.len() * ROW).max(4 * ROW),
            pods: pods.iter().enumerate().map(place).collect(),
            text: format!("Browser, read-app, {host}, {} pods. {way}", pods.len()),
            is_lit: lit.is_some(),
        }
    }
}

impl DiagramPod {
    fn new(pod: &PodView, y: usize, lit: Option<u8>) -> Self {
        let says = match (pod.role(), pod.lag()) {
            (Some(role), Some(lag)) => {
                format!("{}, {} behind", role.name(), times::seconds(lag.time))
            }
            (Some(role), None) => role.name().to_owned(),
            (None, _) => pod.health(),
        };
        Self {
            ordinal: pod.ordinal,
            name: pod.name.clone(),
            address: pod.address.clone(),
            says,
            answers: pod.answers(),
            is_lit: lit == Some(pod.ordinal),
            y,
        }
    }
}
