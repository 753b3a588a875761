//! The store on real servers, and on what can happen to them.

mod access;
mod house;
mod kit;
mod locks;
mod lost;
mod outages;
mod queries;
mod races;
mod settings;
mod snapshots;
mod start;
