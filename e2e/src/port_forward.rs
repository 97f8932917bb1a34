//! `kubectl port-forward`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

/// A port-forward. It closes when it is dropped.
pub struct PortForward {
    kubectl: Child,
    /// The port on this machine.
    pub port: u16,
}

impl PortForward {
    /// Forwards to a pod or a Service. `kubectl` says in which cluster and namespace. `ports` is `:3306` for any port on
    /// this machine, or `8080:80`.
    ///
    /// # Panics
    ///
    /// Panics where kubectl does not open the port.
    #[must_use]
    pub fn open(kubectl: &mut Command, to: &str, ports: &str) -> Self {
        kubectl.args(["port-forward", to, ports]).stdout(Stdio::piped());
        let mut kubectl = kubectl.spawn().unwrap();
        let mut output = BufReader::new(kubectl.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        // Forwarding from 127.0.0.1:40123 -> 3306
        let port = line.split([':', ' ']).find_map(|word| word.parse().ok());
        // A line comes with each connection. kubectl would wait if none took them.
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        Self { kubectl, port: port.unwrap_or_else(|| panic!("no port: {line}")) }
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
