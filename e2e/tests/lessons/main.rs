//! The lessons of `docs/lessons`, on a real cluster: the one that KUBECONFIG names, with the images loaded.
//!
//! The cluster is as a learner has it: `kubectl apply -f kubernetes` in the namespace `default`. Every command of a
//! lesson runs as it is printed, and its output must have the shape of the output in the lesson. The lessons take
//! turns. Each ends with the commands by which the learner cleans up. `docs/troubleshooting.md` is read in the same
//! way, the MySQL client of `docs/tour.md` runs in a terminal, and `running_text` runs what stands in sentences. `checks`
//! does the tasks, and `classroom` goes through lessons with the rights of a pupil.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod checks;
mod classroom;
mod client;
mod dns_cache;
mod lesson;
mod printed;
mod running_text;
mod shape;
mod tasks;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    dns_cache::DnsCache,
    lesson::{Learner, Lesson, bash},
};

/// Waits for this test's turn. The first test applies the folder.
fn deployment() -> MutexGuard<'static, bool> {
    static TURN: Mutex<bool> = Mutex::new(false);
    let mut is_applied = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_applied {
        bash(".ci/readme cluster-up").unwrap();
        // kube-proxy opens the NodePorts a moment after the pods are ready.
        bash("curl -sf --retry 60 --retry-all-errors --retry-delay 1 127.0.0.1:3000{0,1}/healthz")
            .unwrap();
        *is_applied = true;
    }
    is_applied
}

/// Goes through a lesson from its first command to its last.
fn go_through(name: &str) {
    follow(&format!("docs/lessons/{name}.md"));
}

/// Runs all commands of a document.
fn follow(document: &str) {
    let _turn = deployment();
    follow_as(&Learner::default(), document);
}

fn follow_as(learner: &Learner, document: &str) {
    let lesson = Lesson::read(document);
    println!("{document}: {} steps", lesson.steps.len());
    let dns = DnsCache::of_the_cluster();
    let mut left_running = Vec::new();
    for step in &lesson.steps {
        left_running.extend(step.take(&dns, learner));
    }
}

#[test]
fn lesson_1_what_a_headless_service_is() {
    go_through("1-headless-service");
}

#[test]
fn lesson_2_a_stable_name_for_each_pod() {
    go_through("2-stable-names");
}

#[test]
fn lesson_3_a_deployment_behind_a_headless_service() {
    go_through("3-deployment");
}

#[test]
fn lesson_4_discovery_from_code() {
    go_through("4-discovery");
}

#[test]
fn lesson_5_who_picks_the_pod() {
    go_through("5-balancing");
}

#[test]
fn lesson_6_nginx_in_front_of_a_headless_service() {
    go_through("6-nginx");
}

#[test]
fn lesson_7_one_primary_many_readers() {
    go_through("7-primary-and-replicas");
}

#[test]
fn lesson_8_storage() {
    go_through("8-storage");
}

#[test]
fn lesson_9_scaling_draining_updating_backing_up() {
    go_through("9-scaling-and-draining");
}

#[test]
fn lesson_10_before_anyone_depends_on_it() {
    go_through("10-production");
}

#[test]
fn every_command_of_the_cheat_sheet() {
    follow("docs/lessons/cheat-sheet.md");
}

#[test]
fn every_command_of_the_troubleshooting_page() {
    follow("docs/troubleshooting.md");
}
