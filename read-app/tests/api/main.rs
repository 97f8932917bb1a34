//! read-app from outside: a real primary and its replica behind `mysql-read`.

mod client;
mod page;
mod users;
