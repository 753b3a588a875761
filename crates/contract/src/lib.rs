#![doc = include_str!("../README.md")]

// The derive macro writes `::contract`, here too.
extern crate self as contract;

pub mod about;
mod answers;
mod api;
pub mod coding;
mod components;
mod deadline;
mod dispatch;
mod document;
pub mod extract;
mod fallback;
pub mod guard;
mod head_fault;
mod host;
mod inbound;
mod operation;
mod part;
pub mod prefix;
mod problem;
#[cfg(feature = "recorder")]
pub mod recorder;
mod schemas;
mod variant;

pub use answers::{Answer, Answers, Responses, title_case};
pub use api::{Api, ContractError, Scope};
pub use axum::response::Response;
pub use contract_derive::Responses;
pub use dispatch::{Dispatch, Observe};
pub use document::{Contact, Document, Info};
pub use extract::Extract;
pub use fallback::Allow;
pub use head_fault::HeadFault;
pub use host::is_host;
pub use inbound::{Inbound, Undecodable};
pub use operation::{Doc, Operation, OperationDoc};
pub use part::{CacheControl, Header, Json, Part, write_body};
pub use problem::{Fault, PROBLEM_JSON, Place, Problem, TYPE_PREFIX};
pub use schemas::{Schemas, visit_schemas};
pub use variant::Variant;

/// For the derive macro alone.
#[doc(hidden)]
pub mod __private {
    pub use axum::response::IntoResponse;

    pub use crate::variant::assert_bodies;
}
