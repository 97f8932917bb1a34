//! `kubectl port-forward`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use crate::kubectl::NAMESPACE;

/// A port-forward. It closes when it is dropped.
pub(crate) struct PortForward {
    kubectl: Child,
    /// The port on this machine.
    pub(crate) port: u16,
}

impl PortForward {
    /// Forwards to a pod or a Service. `ports` is `:3306` for any port on this machine, or `8080:80`.
    pub(crate) fn open(to: &str, ports: &str) -> Self {
        let mut kubectl = Command::new("kubectl")
            .args(["--namespace", NAMESPACE, "port-forward", to, ports])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(kubectl.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        // Forwarding from 127.0.0.1:40123 -> 3306
        let port = line.split([':', ' ']).find_map(|word| word.parse().ok());
        Self { kubectl, port: port.unwrap_or_else(|| panic!("no port: {line}")) }
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
