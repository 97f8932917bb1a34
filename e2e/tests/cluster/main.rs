//! The manifests on a real cluster: whichever KUBECONFIG names, with the images loaded.
//!
//! The folder `kubernetes/` is applied to a namespace of its own that enforces Pod Security
//! "restricted", and deleted at the start of the next run. The tests take turns, since NodePorts are
//! the whole cluster's; each leaves two ready MySQL pods behind. `NODE_ADDRESS` says where the
//! NodePorts are; the default is 127.0.0.1.
//!
//! A scenario is a fault under traffic: people register and read all the while, and in the end every
//! acknowledged registration must be on every pod. Faults of a node need a second one, busybox:stable,
//! and a namespace of their own, `headless-demo-faults`. What each scenario measured is a row in
//! `figures/` in the folder for tests' files, `target/tmp`; all files there together are one table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod backup;
mod clients;
mod clones_interrupted;
mod credentials;
mod deployment;
mod document;
mod doors;
mod figures;
mod kubectl;
mod load;
mod names;
mod network;
mod node_faults;
mod nothing_lost;
mod overlays;
mod pages;
mod pods_deleted;
mod probes;
mod registration;
mod replicas_behind;
mod scaling;
mod scenario;
mod servers_killed;
mod throughput;
mod traffic;
mod upkeep;
mod volumes_lost;
