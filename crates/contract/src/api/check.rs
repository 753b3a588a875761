//! Checks that the operations of one document do not contradict each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::answers::Answers;
use crate::operation_doc::Described;
use crate::variant::Variant;

/// Why operations cannot be served under one contract. Each is an error of the program or of what
/// it was configured with, found at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractError {
    /// Two operations have this id.
    OperationIdTaken(String),
    /// Two different schemas have this name.
    SchemaNameTaken(String),
    /// Two problems with different statuses or titles have this slug.
    ProblemSlugTaken(&'static str),
    /// The operation with this id has several types of success or error bodies.
    SeveralBodyTypes(String),
    /// The path is no template, or another one matches the same requests.
    Path(String),
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OperationIdTaken(id) => write!(f, "two operations have the id {id:?}"),
            Self::SchemaNameTaken(name) => {
                write!(f, "two different schemas have the name {name:?}")
            }
            Self::ProblemSlugTaken(slug) => {
                write!(f, "two different problems have the type {slug:?}")
            }
            Self::SeveralBodyTypes(id) => {
                write!(f, "the operation {id:?} has several types of success or error bodies")
            }
            Self::Path(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ContractError {}

/// Generated clients need one type for success and one for errors.
pub(super) fn check_bodies(id: &str, described: &Described) -> Result<(), ContractError> {
    let mut types: [BTreeSet<String>; 2] = Default::default();
    for (status, answer) in described.answers.iter() {
        if let Some(body) = answer.body_entry() {
            // Problems have one form; only the types that a status can have differ.
            let is_problem = !answer.problems().is_empty();
            let schema = if is_problem { "Problem".into() } else { body.schema.to_string() };
            types[usize::from(status >= 400)]
                .insert(format!("{} {schema}", body.media_types.join(" ")));
        }
    }
    if types.iter().any(|types| types.len() > 1) {
        return Err(ContractError::SeveralBodyTypes(id.to_owned()));
    }
    Ok(())
}

pub(super) fn collect_problems(
    problems: &mut BTreeMap<&'static str, &'static Variant>,
    answers: &Answers,
) -> Result<(), ContractError> {
    for variant in answers.iter().flat_map(|(_, answer)| answer.problems()) {
        let known = *problems.entry(variant.slug).or_insert(variant);
        if (known.status, known.title) != (variant.status, variant.title) {
            return Err(ContractError::ProblemSlugTaken(variant.slug));
        }
    }
    Ok(())
}
