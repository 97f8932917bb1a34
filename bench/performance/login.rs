//! The address and the account with which a client connects to MySQL.

use demo::network::MYSQL_PORT;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) address: String,
    pub(crate) user: &'static str,
    pub(crate) password: String,
}

impl Login {
    /// Options for sqlx, with the TLS mode of the apps.
    pub(crate) fn options(&self) -> MySqlConnectOptions {
        let options = MySqlConnectOptions::new().host(&self.address).port(MYSQL_PORT);
        let options = options.username(self.user).password(&self.password).database("userdb");
        options.ssl_mode(MySqlSslMode::Required)
    }
}
