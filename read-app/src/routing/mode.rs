//! How a read gets to a pod: the choices that the page and the API offer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All choices for one read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mode {
    pub(crate) via: Via,
    pub(crate) with: With,
    /// How this app picks a pod; only over the headless Service, where the client picks.
    pub(crate) strategy: Strategy,
    /// The user who asks, for [`Strategy::Sticky`].
    pub(crate) user: String,
}

/// The Service that leads to the pods.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Via {
    /// One address for all pods; the cluster picks one for each connection.
    #[default]
    MysqlRead,
    /// The headless Service: all addresses, of which this app picks one.
    Mysql,
}

/// Where the connection for a read comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum With {
    /// One is opened for this read, and closed after it.
    #[default]
    New,
    /// One that is kept open: one for `mysql-read`, a few for each pod of `mysql`.
    Pool,
}

/// How a client that knows all addresses picks one of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// Any, with equal chances.
    Random,
    /// The one with the fewest reads in flight.
    LeastConnections,
    /// Always the same one for the same user.
    Sticky,
}

impl Mode {
    /// All choices that matter, as one text: two modes are equal where their texts are.
    pub(crate) fn text(&self) -> String {
        let Self { via, with, strategy, user } = self;
        match (via, strategy) {
            (Via::MysqlRead, _) => format!("{} {}", via.name(), with.name()),
            (Via::Mysql, Strategy::Sticky) => {
                format!("{} {} {} {user}", via.name(), with.name(), strategy.name())
            }
            (Via::Mysql, _) => format!("{} {} {}", via.name(), with.name(), strategy.name()),
        }
    }

    /// The same with the other kind of connection.
    pub(crate) fn other_connections(&self) -> Self {
        let with = match self.with {
            With::New => With::Pool,
            With::Pool => With::New,
        };
        Self { with, ..self.clone() }
    }
}

impl Via {
    /// The default name of the Service, which is also its name in the form and in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MysqlRead => "mysql-read",
            Self::Mysql => "mysql",
        }
    }
}

impl With {
    /// The name in the form and in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pool => "pool",
        }
    }
}

impl Strategy {
    /// All there are, in the order in which the page offers them.
    pub(crate) const ALL: [Self; 4] =
        [Self::RoundRobin, Self::Random, Self::LeastConnections, Self::Sticky];

    /// The name in the form and in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Random => "random",
            Self::LeastConnections => "least-connections",
            Self::Sticky => "sticky",
        }
    }

    /// Which pod it picks, in a few words.
    pub(crate) fn picks(self) -> &'static str {
        match self {
            Self::RoundRobin => "each in turn",
            Self::Random => "any, at random",
            Self::LeastConnections => "the pod that runs the fewest of read-app’s queries",
            Self::Sticky => "always the same pod for",
        }
    }
}
