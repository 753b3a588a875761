//! The answers of an operation, as the document lists them.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::components::{Components, Kind, name_of};
use crate::header::Header;
use crate::lines;
use crate::names::{pascal_case, title_case};
use crate::problem;
use crate::variant::Variant;

/// The answers of one operation, by status.
#[derive(Debug, Default)]
pub struct Answers(BTreeMap<u16, Answer>);

impl Answers {
    /// Adds one answer and returns its entry, to which its parts are then added.
    ///
    /// Where several types answer with one status (a malformed id and malformed JSON are both
    /// 400), the entry unites them: their descriptions are listed, and a header that only some of
    /// them carry is not required.
    pub fn add(&mut self, variant: &'static Variant) -> &mut Answer {
        let answer = self.0.entry(variant.status).or_default();
        answer.begin(variant);
        answer
    }

    /// Removes the answer with this status: it cannot happen where the operation is mounted.
    pub fn remove(&mut self, status: u16) {
        self.0.remove(&status);
    }

    /// Removes all content, as for HEAD (RFC 9110 §9.3.2). The header fields stay.
    pub(crate) fn remove_bodies(&mut self) {
        for answer in self.0.values_mut() {
            answer.body = None;
            answer.is_head = true;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &Answer)> {
        self.0.iter().map(|(status, answer)| (*status, answer))
    }

    /// Returns the answers as the document lists them, but for that of one status. Each carries the header
    /// fields `shared`.
    pub(crate) fn to_value(
        &self,
        without: Option<u16>,
        shared: &Map<String, Value>,
        components: &mut Components,
    ) -> Value {
        self.iter()
            .filter(|(status, _)| Some(*status) != without)
            .map(|(status, answer)| {
                (status.to_string(), answer.to_value(status, shared, components))
            })
            .collect::<Map<_, _>>()
            .into()
    }
}

/// One answer: what it means, its header fields, its body.
#[derive(Debug, Default)]
pub struct Answer {
    /// Without repetitions: types that say the same give the same answer.
    variants: Vec<&'static Variant>,
    /// How many were added, repetitions included.
    variant_count: usize,
    headers: Vec<HeaderEntry>,
    body: Option<BodyEntry>,
    problems: Vec<&'static Variant>,
    /// Whether it answers HEAD: GET says what it means.
    is_head: bool,
}

#[derive(Debug)]
struct HeaderEntry {
    name: String,
    description: &'static str,
    schema: Value,
    /// The numbers of the variants that carry the field in every answer.
    required_by: Vec<usize>,
}

/// A body as the document lists it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BodyEntry {
    pub(crate) media_types: Vec<&'static str>,
    pub(crate) schema: Value,
    /// Whether the body is lines, each of which has the schema.
    pub(crate) is_lines: bool,
}

impl Answer {
    fn begin(&mut self, variant: &'static Variant) {
        self.variants.retain(|known| known.description != variant.description);
        self.variants.push(variant);
        self.variant_count += 1;
    }

    /// Adds a header field; `required` when every answer of the variant carries it.
    pub fn header<H: Header>(&mut self, required: bool) {
        let name = H::NAME;
        let name = name.as_str();
        let at = self.headers.iter().position(|entry| entry.name == name).unwrap_or_else(|| {
            let (name, description, schema) = (name.into(), H::DESCRIPTION, H::schema());
            self.headers.push(HeaderEntry { name, description, schema, required_by: Vec::new() });
            self.headers.len() - 1
        });
        let required_by = &mut self.headers[at].required_by;
        if required && required_by.last() != Some(&self.variant_count) {
            required_by.push(self.variant_count);
        }
    }

    /// Adds the body; `required` says that every answer of the variant carries it.
    ///
    /// # Panics
    /// If answers of one status have bodies of different types, or some have a body and others have
    /// none: a generated client could not tell them apart, and OpenAPI has no word for a body that
    /// may be missing. That is an error in the program, found at start-up.
    pub fn body(&mut self, media_type: &'static str, schema: Value, required: bool) {
        assert!(required, "an answer without its body is another answer, with a status of its own");
        self.set_body(BodyEntry { media_types: vec![media_type], schema, is_lines: false });
    }

    /// Adds a body of [lines](crate::lines), each of which has this schema.
    ///
    /// # Panics
    /// As [`body`](Self::body).
    pub fn lines(&mut self, schema: Value) {
        self.set_body(BodyEntry {
            media_types: lines::MEDIA_TYPES.to_vec(),
            schema,
            is_lines: true,
        });
    }

    fn set_body(&mut self, body: BodyEntry) {
        match &self.body {
            None => self.body = Some(body),
            Some(known) => assert!(
                *known == body,
                "answers with one status have two body types: {known:?} and {body:?}"
            ),
        }
    }

    /// Says that the body is a problem whose `type` and `title` come from `variant`.
    pub(crate) fn problem(&mut self, variant: &'static Variant) {
        if !self.problems.iter().any(|known| known.slug == variant.slug) {
            self.problems.push(variant);
        }
    }

    pub(crate) fn body_entry(&self) -> Option<&BodyEntry> {
        self.body.as_ref()
    }

    pub(crate) fn problems(&self) -> &[&'static Variant] {
        &self.problems
    }

    /// Of several problems the titles are listed: each has an example, which says what to do.
    fn description(&self) -> String {
        if self.is_head {
            return "As for GET, without a body.".to_owned();
        }
        match self.variants[..] {
            [variant] => variant.description.to_owned(),
            _ => self.variants.iter().map(|variant| format!("- {}.\n", variant.title)).collect(),
        }
    }

    /// Returns the answer as the document lists it: a reference to a component, which all operations
    /// that give the same answer share.
    fn to_value(
        &self,
        status: u16,
        shared: &Map<String, Value>,
        components: &mut Components,
    ) -> Value {
        let mut headers = Map::new();
        for entry in &self.headers {
            let name = title_case(&entry.name);
            let header = self.header_value(entry);
            headers.insert(name.clone(), components.refer(Kind::Headers, &name, header));
        }
        headers.extend(shared.clone());
        let mut value = json!({ "description": self.description() });
        if !headers.is_empty() {
            value["headers"] = headers.into();
        }
        if let Some(body) = &self.body {
            let keyword = if body.is_lines { lines::ITEM_SCHEMA } else { "schema" };
            let mut media = json!({ keyword: body.schema });
            if !self.problems.is_empty() {
                let examples = self.problems.iter().map(|variant| {
                    let example = json!({ "value": problem::example(variant) });
                    let slug = variant.slug;
                    (slug.to_owned(), components.refer(Kind::Examples, slug, example))
                });
                media["examples"] = examples.collect::<Map<_, _>>().into();
            }
            let types = body.media_types.iter();
            let types = types.map(|media_type| ((*media_type).to_owned(), media.clone()));
            value["content"] = types.collect::<Map<_, _>>().into();
        }
        components.refer(Kind::Responses, &self.name(status), value)
    }

    /// Returns the name of the answer's component. That of a success begins with what it returns.
    fn name(&self, status: u16) -> String {
        if self.is_head {
            return "HeadersOnly".to_owned();
        }
        let body = self.body.as_ref().filter(|_| self.problems.is_empty());
        let name = body.map_or("", |body| name_of(&body.schema)).to_owned();
        name + &match self.variants[..] {
            [variant] => pascal_case(variant.slug),
            _ => {
                let status = StatusCode::from_u16(status).ok();
                let reason = status.and_then(|status| status.canonical_reason());
                reason.map_or_else(|| format!("Status{status:?}"), |reason| reason.replace(' ', ""))
            }
        }
    }

    fn header_value(&self, entry: &HeaderEntry) -> Value {
        let mut value = json!({ "description": entry.description, "schema": entry.schema });
        if entry.required_by.len() == self.variant_count {
            value["required"] = true.into();
        }
        value
    }
}
