//! What is common to remote stores, on an engine that fails by a script.

mod doubts;
mod engine;
mod gate;
mod groups;
mod held;
mod history;
mod keyed;
mod kit;
mod lanes;
mod property;
mod puts;
mod refusals;
mod script;
mod snapshots;
mod store;
mod swaps;
