#![doc = include_str!("../README.md")]

// The derive macro writes `::contract`, here too.
extern crate self as contract;

pub mod about;
mod answer_parts;
mod answers;
mod api;
mod blueprint;
pub mod coding;
mod components;
mod deadline;
mod dispatch;
mod document;
mod endpoint;
mod entity_tags;
pub mod extract;
mod fallback;
pub mod guard;
mod head_fault;
mod header;
pub mod hex;
mod host;
mod inbound;
pub mod line_stream;
pub mod lines;
mod names;
mod operation;
mod operation_doc;
mod part;
pub mod prefix;
mod problem;
#[cfg(feature = "recorder")]
pub mod recorder;
mod refusals;
mod request_id;
mod resource;
mod responses;
mod schemas;
mod variant;

pub use answer_parts::{AnswerParts, Content};
pub use answers::{Answer, Answers};
pub use api::{Api, ContractError, Scope};
pub use axum::response::Response;
pub use blueprint::{Blueprint, ResourceDoc, ResourceEntry, placeholder};
pub use contract_derive::Responses;
pub use dispatch::Dispatch;
pub use document::{Contact, Document, Info};
pub use endpoint::Observe;
pub use extract::Extract;
pub use fallback::Allow;
pub use head_fault::HeadFault;
pub use header::{CacheControl, Header};
pub use host::host_fault;
pub use inbound::{Inbound, Undecodable};
pub use operation::Operation;
pub use operation_doc::{Doc, OperationDoc};
pub use part::{Json, Part};
pub use problem::{Fault, PROBLEM_JSON, Place, Problem, ProblemDetails, TYPE_PREFIX};
pub use request_id::RequestId;
pub use resource::{Found, Lookup, Resource, Resources};
pub use responses::Responses;
pub use schemas::{Schemas, visit_schemas};
pub use variant::Variant;

/// For the derive macro alone.
#[doc(hidden)]
pub mod __private {
    pub use axum::response::IntoResponse;

    pub use crate::variant::assert_answer;
}
