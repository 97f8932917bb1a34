//! How the apps share the connections of one MySQL pod: `max-connections` in kubernetes/mysql-config.yaml, which is 100.
//!
//! Each figure is the most that one copy of an app has open to one pod. Beyond it, a request waits briefly, and is then
//! answered with `database_busy`.
//!
//! | connections | at most | to which pod |
//! |---|---|---|
//! | write-app's pool: registrations and migrations | 20 | the primary |
//! | write-app's look at a write that takes long | 1 | the primary |
//! | write-app's attempts to write to a replica | 4 | a replica |
//! | read-app's new connections, through both Services together | 16 | any |
//! | read-app's kept connection through `mysql-read` | 1 | any |
//! | read-app's kept connections over `mysql` | 4 | each |
//! | read-app's watcher | 1 | each |
//!
//! So write-app has up to 21 and read-app up to 22. During a rollout a second copy of each starts before the first one
//! ends: 2 × 21 + 2 × 22 = 86. The other 14 are for MySQL itself ([`OTHERS`]). For more copies of the apps, raise
//! `max-connections`; `e2e/tests/manifests.rs` counts.

/// write-app's pool.
pub const WRITES: u32 = 20;

/// write-app's connection that asks why a write takes long.
pub const LOOKS: u32 = 1;

/// write-app's attempts to write to a replica.
pub const REFUSED_WRITES: u32 = 4;

/// read-app's connections that are opened for one read.
pub const NEW_READS: u32 = 16;

/// read-app's kept connections through the Service. One is the smallest pool, and shows best that a kept connection
/// stays with its pod.
pub const KEPT_THROUGH_SERVICE: u32 = 1;

/// read-app's kept connections to each pod of the headless Service.
pub const KEPT_TO_POD: u32 = 4;

/// read-app's connections that look at each pod again and again.
pub const WATCHERS: u32 = 1;

/// What one write-app may have open to one pod. No pod is the primary and a replica.
pub const WRITE_APP: u32 = WRITES + LOOKS;

/// What one read-app may have open to one pod.
pub const READ_APP: u32 = NEW_READS + KEPT_THROUGH_SERVICE + KEPT_TO_POD + WATCHERS;

/// What MySQL itself needs. Each of four replicas needs one that replicates and one for its probe. The pod's own probes
/// need two, a clone needs two, the backup one, and a person one. mysqld has one more for an administrator.
pub const OTHERS: u32 = 14;
