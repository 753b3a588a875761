//! The transport against its own rules, and the store against real clusters.

mod auth;
mod config;
mod failover;
mod failure;
mod formats;
pub(crate) mod kit;
mod leases;
mod limits;
mod losses;
mod message;
mod requests;
mod sizes;
mod snapshots;
mod tls;
