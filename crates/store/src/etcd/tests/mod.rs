//! The transport against its own rules.

mod config;
mod message;
