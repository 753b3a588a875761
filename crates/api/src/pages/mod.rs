//! Pages for people. Everything they load comes from this binary.

mod asset;
mod docs;
mod problems;
mod redoc;
mod start;

pub(crate) use docs::{docs, docs_asset};
pub(crate) use problems::problems;
pub(crate) use redoc::{redoc, redoc_asset};
pub(crate) use start::start;
