//! The transport against its own rules, and against a real cluster.

mod auth;
mod cluster;
mod config;
mod failover;
mod failure;
mod limits;
mod message;
mod requests;
mod tls;
