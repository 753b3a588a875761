//! What can be done to a cluster.

use std::time::Duration;

use rustix::process::Signal;

use super::Etcd;
use crate::leash::Leash;
use crate::network::NotPossible;
use crate::tree;

/// Longest time from SIGTERM to the end of a node.
const STOP_TIME_MAX: Duration = Duration::from_secs(30);

impl Etcd {
    /// Kills a node, as `kill -9` does, and waits until it is gone.
    pub fn kill9(&self, node: usize) {
        let leash = self.lock()[node].leash.take();
        leash.into_iter().for_each(Leash::kill);
    }

    /// Stops a node where it is (SIGSTOP): connections stay open and nothing is answered.
    pub fn pause(&self, node: usize) {
        let node = &mut self.lock()[node];
        node.paused = true;
        node.leash.iter().for_each(|leash| drop(tree::pause(leash.server())));
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self, node: usize) {
        let node = &mut self.lock()[node];
        node.leash.iter().for_each(|leash| tree::resume(leash.server()));
        node.paused = false;
    }

    /// Stops a node as an operator does, and waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&self, node: usize) {
        let leash = self.lock()[node].leash.take();
        leash.into_iter().for_each(|leash| leash.end(Signal::TERM, STOP_TIME_MAX));
    }

    /// Starts a node again, on its data and its ports; one that runs is killed first. It does not
    /// wait, because a node serves only when it has found a majority:
    /// [`wait_until_ready`](Self::wait_until_ready) does.
    pub fn restart(&self, node: usize) {
        self.kill9(node);
        self.lock()[node].launch();
    }

    /// Cuts a node off from its peers, until [`heal`](Self::heal). Clients still reach it. It was
    /// started as [partitionable](super::Builder::partitionable).
    ///
    /// # Errors
    /// [`NotPossible`] when this machine has no network to cut: the test is to report that it was
    /// not run.
    pub fn partition(&self, node: usize) -> Result<(), NotPossible> {
        let network = self.network.as_ref().map_err(Clone::clone)?;
        network.cut(u8::try_from(node).expect("nodes are few"));
        Ok(())
    }

    /// Mends the link that [`partition`](Self::partition) cut.
    pub fn heal(&self, node: usize) {
        if let Ok(network) = &self.network {
            network.mend(u8::try_from(node).expect("nodes are few"));
        }
    }

    /// Takes everything back that was done to the cluster: mends all links, lets all nodes go on,
    /// starts those that do not run, and waits until all of them serve.
    ///
    /// # Panics
    /// As [`wait_until_ready`](Self::wait_until_ready).
    pub fn repair(&self) {
        for node in 0..self.endpoints().len() {
            self.heal(node);
            self.resume(node);
            if self.lock()[node].leash.is_none() {
                self.restart(node);
            }
        }
        self.wait_until_ready();
    }
}
