//! How a query gets to a pod: the choices that the page and the API offer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All choices for one query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mode {
    /// Which name is asked for.
    pub via: Via,
    /// On which kind of connection.
    pub with: With,
    /// How this app picks a pod; only over the headless Service, where picking is the client's affair.
    pub strategy: Strategy,
    /// Who asks, for [`Strategy::Sticky`].
    pub user: String,
}

/// The two doors to the same pods.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
pub enum Via {
    /// One address for all; a pod is picked for each connection, by whoever makes the Service.
    #[default]
    #[serde(rename = "mysql-read")]
    MysqlRead,
    /// The headless Service: all addresses; this app picks.
    #[serde(rename = "mysql")]
    Mysql,
}

/// Where the connection for a query comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum With {
    /// One is opened for this query, and closed after it.
    #[default]
    New,
    /// One that is kept open: one for `mysql-read`, a few for each pod of `mysql`.
    Pool,
}

/// How a client that knows all addresses picks one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// Any, with equal chances.
    Random,
    /// The one with the fewest queries under way.
    LeastConnections,
    /// Always the same one for the same user.
    Sticky,
}

impl Mode {
    /// All of it in one word, by which two modes are told apart.
    #[must_use]
    pub fn text(&self) -> String {
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
    #[must_use]
    pub fn other_connections(&self) -> Self {
        let with = match self.with {
            With::New => With::Pool,
            With::Pool => With::New,
        };
        Self { with, ..self.clone() }
    }
}

impl Via {
    /// The name in the form and in the API, which is the Service's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MysqlRead => "mysql-read",
            Self::Mysql => "mysql",
        }
    }
}

impl With {
    /// The name in the form and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pool => "pool",
        }
    }
}

impl Strategy {
    /// All there are, in the order in which the page offers them.
    pub const ALL: [Self; 4] =
        [Self::RoundRobin, Self::Random, Self::LeastConnections, Self::Sticky];

    /// The name in the form and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Random => "random",
            Self::LeastConnections => "least-connections",
            Self::Sticky => "sticky",
        }
    }

    /// Which pod it picks, in a few words.
    #[must_use]
    pub fn picks(self) -> &'static str {
        match self {
            Self::RoundRobin => "each in turn",
            Self::Random => "any",
            Self::LeastConnections => "the one with the fewest queries under way",
            Self::Sticky => "always the same one for",
        }
    }
}
