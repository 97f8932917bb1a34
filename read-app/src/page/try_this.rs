//! "Try this": which experiments the page shows as seen. read-app decides that from the story of the pods and from the
//! dots of the page, so it holds without scripts too.

use app_core::config::RunsIn;
use askama::Template;
use time::OffsetDateTime;

use crate::{
    page::{dots::pod_name, params::PageParams},
    routing::{
        mode::With,
        story::{Experiment, Story},
    },
    times,
};

/// So many answers of a pool show that they are all of one pod.
const ANSWERS_OF_A_POOL: usize = 5;

/// What the section needs to know.
pub(super) struct TryThis {
    pub(super) runs_in: RunsIn,
    /// The ordinal of the replica that the next `scale` adds.
    pub(super) next_ordinal: u16,
    pub(super) deleted: Mark,
    pub(super) added: Mark,
    pub(super) pooled: Mark,
    pub(super) lagged: Mark,
    pub(super) cached: Mark,
    pub(super) frozen: Mark,
    pub(super) primary_away: Mark,
}

/// Whether an experiment was seen.
#[derive(Template)]
#[template(path = "mark.html")]
pub(super) struct Mark {
    id: &'static str,
    /// Where and when.
    seen: Option<String>,
}

/// A rendered template is escaped already.
impl askama::filters::HtmlSafe for Mark {}

impl TryThis {
    pub(super) fn new(
        runs_in: RunsIn,
        next_ordinal: u16,
        story: &Story,
        params: &PageParams,
        now: OffsetDateTime,
    ) -> Self {
        let seen_at = |at| format!("at {} UTC", times::moment(at, now));
        let of_a_pod = |id, experiment| Mark {
            id,
            seen: story
                .seen(experiment)
                .map(|(at, pod)| format!("{}: {}", seen_at(at), pod_name(pod))),
        };
        let is_pooled = answers_of_a_pool(params) >= ANSWERS_OF_A_POOL;
        let of_a_pool = is_pooled.then(|| "in the dots of this page".to_owned());
        Self {
            runs_in,
            next_ordinal,
            deleted: of_a_pod("deleted", Experiment::Deleted),
            added: of_a_pod("added", Experiment::Added),
            pooled: Mark { id: "pooled", seen: of_a_pool },
            lagged: of_a_pod("lagged", Experiment::Lagged),
            cached: Mark { id: "cached", seen: story.cached().map(seen_at) },
            frozen: of_a_pod("frozen", Experiment::Frozen),
            primary_away: Mark { id: "primary-away", seen: story.seen_away(0).map(seen_at) },
        }
    }

    /// All marks. The page's script puts each in its place.
    pub(super) fn marks(&self) -> askama::Result<String> {
        let Self { deleted, added, pooled, lagged, cached, frozen, primary_away, .. } = self;
        let marks = [deleted, added, pooled, lagged, cached, frozen, primary_away];
        marks.into_iter().map(Template::render).collect()
    }
}

fn answers_of_a_pool(params: &PageParams) -> usize {
    match params.mode.with {
        With::Pool => params.dots.answered(),
        With::New if params.compare => params.dots_beside.answered(),
        With::New => 0,
    }
}
