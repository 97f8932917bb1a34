//! The manifests on a real cluster: the one that KUBECONFIG names, with the images loaded.
//!
//! The first test applies the folder `kubernetes/` to the namespace `headless-demo-test`, which enforces Pod
//! Security "restricted"; the next run deletes it. The tests take turns, since a NodePort exists once in a
//! cluster. Each test leaves two ready MySQL pods behind. `NODE_ADDRESS` says where the NodePorts are; the
//! default is 127.0.0.1.
//!
//! A scenario is a fault under traffic: clients register and read during the fault, and at the end every
//! acknowledged registration must be on every pod. Faults of a node need a second node, the image
//! busybox:stable, and the namespace `headless-demo-faults`. Each scenario writes a row of figures to
//! `target/tmp/figures/`; all files there together are one table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod backup;
mod clients;
mod clones_interrupted;
mod credentials;
mod deployment;
mod document;
mod figures;
mod first_install;
mod kubectl;
mod load;
mod names;
mod neighbours;
mod network;
mod node_faults;
mod nothing_lost;
mod overlays;
mod pages;
mod platforms;
mod pods_deleted;
mod probes;
mod proxy;
mod reaching;
mod registration;
mod replicas_behind;
mod routing;
mod scaling;
mod scenario;
mod servers_killed;
mod settings;
mod smoke;
mod traffic;
mod troubleshooting;
mod upkeep;
mod volumes_lost;
