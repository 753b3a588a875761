//! The document before it is known which resources there are.
//!
//! What an API says of a resource is the same for all of them but for some words, such as its name and the
//! names of its schemas. It is written once as text, with placeholders where those words stand, so that a
//! document of a thousand resources is put together from pieces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::components::Kind;
use crate::document::Document;
use crate::schemas::without_booleans;
use crate::variant::Variant;

/// How many sections a document's components have: the schemas, and each [`Kind`].
const SECTIONS: usize = 1 + Kind::ALL.len();

/// The first placeholder: private use, so that no text of a program has it.
const FIRST_PLACEHOLDER: u32 = 0xE000;

/// Most placeholders.
const PLACEHOLDERS_MAX: u32 = 64;

/// Returns the placeholder for the word with this number, to stand in the texts of operations on
/// resources. Number 0 is the name of the resource, which also stands for the first parameter of their
/// paths.
///
/// # Panics
/// If there are not so many.
#[must_use]
pub const fn placeholder(number: u8) -> char {
    assert!((number as u32) < PLACEHOLDERS_MAX, "there are 64 placeholders");
    match char::from_u32(FIRST_PLACEHOLDER + number as u32) {
        Some(character) => character,
        None => unreachable!(),
    }
}

fn placeholder_number(character: char) -> Option<usize> {
    let number = u32::from(character).checked_sub(FIRST_PLACEHOLDER)?;
    (number < PLACEHOLDERS_MAX).then_some(number as usize)
}

/// Text with placeholders.
#[derive(Debug)]
struct Template {
    text: String,
    /// Where a placeholder stands, and which: in ascending order.
    words: Vec<(usize, usize)>,
}

impl Template {
    fn new(text: String) -> Self {
        let words = text.char_indices();
        let words = words.filter_map(|(at, character)| Some((at, placeholder_number(character)?)));
        Self { words: words.collect(), text }
    }

    fn fill(&self, words: &[String]) -> String {
        let mut filled = String::with_capacity(self.text.len() + 16 * self.words.len());
        let mut from = 0;
        for (at, word) in &self.words {
            filled.push_str(&self.text[from..*at]);
            filled.push_str(&words[*word]);
            from = at + placeholder(0).len_utf8();
        }
        filled.push_str(&self.text[from..]);
        filled
    }
}

/// The sections of a document's components, in its order.
fn sections() -> impl Iterator<Item = &'static str> {
    std::iter::once("schemas").chain(Kind::ALL.map(Kind::section))
}

/// Components by name, as text, for each section.
type Sections = [BTreeMap<String, String>; SECTIONS];

/// Components that differ by resource: their section, name and value.
type ComponentTemplates = Vec<(usize, Template, Template)>;

/// What the document says of every resource.
#[derive(Debug)]
struct ResourceTemplate {
    paths: Template,
    components: ComponentTemplates,
}

/// The document before it is known which resources there are.
#[derive(Debug)]
pub struct Blueprint {
    /// The first members of the document.
    head: String,
    tags: Vec<String>,
    paths: String,
    sections: Sections,
    /// The components that only the answer needs that some resources give.
    optional_sections: Sections,
    /// Without the answer that only some resources give, and with it.
    templates: [ResourceTemplate; 2],
    /// The ids of the operations on a resource, with their statuses.
    operations: Vec<(Template, Vec<u16>)>,
    optional_status: Option<u16>,
    problems: Arc<[&'static Variant]>,
}

/// The parts of a [`Blueprint`].
#[derive(Debug)]
pub(crate) struct BlueprintParts {
    pub(crate) info: Value,
    pub(crate) tags: Vec<Value>,
    /// The paths without resources.
    pub(crate) paths: Map<String, Value>,
    /// The paths of resources, without the answer that only some give, and with it.
    pub(crate) resource_paths: [Map<String, Value>; 2],
    pub(crate) components: Value,
    /// The ids of the operations on a resource, with their statuses.
    pub(crate) operations: Vec<(String, Vec<u16>)>,
    /// The status of the answer that only some resources give.
    pub(crate) optional_status: Option<u16>,
    pub(crate) problems: Arc<[&'static Variant]>,
}

/// What is to be said of one resource.
#[derive(Clone, Debug, Default)]
pub struct ResourceDoc {
    /// The words in the order of their [`placeholder`]s.
    pub words: Vec<String>,
    /// The description of its heading.
    pub description: String,
    /// Its own schemas by name.
    pub schemas: Vec<(String, Value)>,
    /// Whether it gives the answer that only some resources give.
    pub has_optional_answer: bool,
}

/// What the document says of one resource.
#[derive(Debug)]
pub struct ResourceEntry {
    tag: String,
    paths: String,
    components: Vec<(usize, String, String)>,
    has_optional_answer: bool,
    operations: Vec<(String, Vec<u16>)>,
}

impl ResourceEntry {
    /// Returns the ids of its operations with their documented statuses.
    #[must_use]
    pub fn operations(&self) -> &[(String, Vec<u16>)] {
        &self.operations
    }

    /// Returns the names of its schemas.
    pub fn schema_names(&self) -> impl Iterator<Item = &str> {
        let schemas = self.components.iter().filter(|(section, _, _)| *section == 0);
        schemas.map(|(_, name, _)| name.as_str())
    }
}

impl Blueprint {
    pub(crate) fn new(parts: BlueprintParts) -> Self {
        let BlueprintParts { info, tags, paths, resource_paths, components, .. } = parts;
        let head = json!({
            "openapi": "3.1.0",
            // Explicitly none: the service does not authenticate clients.
            "security": [],
            "info": info,
            "servers": [{ "url": "/" }],
        });
        let [without, with] = resource_paths;
        let mut needed = BTreeSet::new();
        for paths in [&paths, &without] {
            paths.values().for_each(|item| find_needed(item, &components, &mut needed));
        }
        let (sections, templates) = split(&components, |target| needed.contains(target));
        let (optional_sections, _) = split(&components, |target| !needed.contains(target));
        let (_, all_templates) = split(&components, |_| true);
        let template = |paths: &Map<String, Value>, components| ResourceTemplate {
            paths: Template::new(members(paths)),
            components,
        };
        let operations = parts.operations.into_iter();
        Self {
            head: members(head.as_object().expect("it is an object")),
            tags: tags.iter().map(text).collect(),
            paths: members(&paths),
            sections,
            optional_sections,
            templates: [template(&without, templates), template(&with, all_templates)],
            operations: operations.map(|(id, statuses)| (Template::new(id), statuses)).collect(),
            optional_status: parts.optional_status,
            problems: parts.problems,
        }
    }

    /// Returns every problem that the API answers with: those of the operations, and those of requests
    /// without an operation.
    #[must_use]
    pub fn problems(&self) -> &Arc<[&'static Variant]> {
        &self.problems
    }

    /// Writes what the document says of a resource.
    ///
    /// # Panics
    /// If a word is missing: an error in the program.
    #[must_use]
    pub fn entry(&self, doc: ResourceDoc) -> ResourceEntry {
        let has_optional_answer = doc.has_optional_answer;
        let template = &self.templates[usize::from(has_optional_answer)];
        let fill = |template: &Template| template.fill(&doc.words);
        let own = doc.schemas.into_iter().map(|(name, mut schema)| {
            without_booleans(&mut schema);
            (0, name, text(&schema))
        });
        let components = template.components.iter();
        let components = components.map(|(at, name, value)| (*at, fill(name), fill(value)));
        let components = own.chain(components).collect();
        let gives = |status: &u16| has_optional_answer || Some(*status) != self.optional_status;
        let operations = self
            .operations
            .iter()
            .map(|(id, statuses)| (fill(id), statuses.iter().copied().filter(gives).collect()));
        ResourceEntry {
            tag: text(&json!({ "name": doc.words[0], "description": doc.description })),
            paths: fill(&template.paths),
            components,
            has_optional_answer,
            operations: operations.collect(),
        }
    }

    /// Puts the document together.
    ///
    /// # Errors
    /// The name that two different components have.
    pub fn document<'a>(
        &'a self,
        resources: impl IntoIterator<Item = &'a ResourceEntry> + Clone,
    ) -> Result<Document, String> {
        let entries = || resources.clone().into_iter();
        let mut sections: [BTreeMap<&str, &str>; SECTIONS] = Default::default();
        let is_optional_needed = entries().any(|entry| entry.has_optional_answer);
        let optional = self.optional_sections.iter().filter(|_| is_optional_needed);
        let own = self.sections.iter().enumerate().chain(optional.enumerate());
        let own = own
            .flat_map(|(at, section)| section.iter().map(move |(name, value)| (at, name, value)));
        let others = entries().flat_map(|entry| &entry.components);
        for (at, name, value) in own.chain(others.map(|(at, name, value)| (*at, name, value))) {
            let known = *sections[at].entry(name).or_insert(value);
            if known != value {
                return Err(name.clone());
            }
        }
        let tags =
            entries().map(|entry| entry.tag.as_str()).chain(self.tags.iter().map(String::as_str));
        let paths = entries().map(|entry| entry.paths.as_str()).chain([self.paths.as_str()]);
        let bytes = entries().map(ResourceEntry::bytes).sum::<usize>() + (128 << 10);
        let mut document = String::with_capacity(bytes);
        document.push('{');
        document.push_str(&self.head);
        document.push_str(",\"tags\":[");
        push_list(&mut document, tags);
        document.push_str("],\"paths\":{");
        push_list(&mut document, paths.filter(|paths| !paths.is_empty()));
        document.push_str("},\"components\":{");
        let filled = self::sections().zip(sections).filter(|(_, section)| !section.is_empty());
        for (at, (title, section)) in filled.enumerate() {
            document.push_str(if at > 0 { "},\"" } else { "\"" });
            document.push_str(title);
            document.push_str("\":{");
            for (at, (name, value)) in section.into_iter().enumerate() {
                if at > 0 {
                    document.push(',');
                }
                document.push_str(&text(name));
                document.push(':');
                document.push_str(value);
            }
        }
        document.push_str("}}}");
        Ok(Document::new(document, Arc::clone(&self.problems)))
    }
}

impl ResourceEntry {
    fn bytes(&self) -> usize {
        let components = self.components.iter();
        let components =
            components.map(|(_, name, value)| name.len() + value.len() + "\"\":,".len());
        self.tag.len() + self.paths.len() + components.sum::<usize>()
    }
}

fn push_list<'a>(text: &mut String, entries: impl Iterator<Item = &'a str>) {
    for (at, entry) in entries.enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(entry);
    }
}

/// # Panics
/// Never: every JSON value has a text form.
fn text(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("a JSON value has a text form")
}

/// Writes the members of an object, without its braces.
fn members(object: &Map<String, Value>) -> String {
    let text = text(object);
    text[1..text.len() - 1].to_owned()
}

/// Parts the components that `is_wanted` by whether they are the same for all resources. It is asked
/// with the reference to each.
fn split(components: &Value, is_wanted: impl Fn(&str) -> bool) -> (Sections, ComponentTemplates) {
    let (mut fixed, mut templates) = (Sections::default(), Vec::new());
    for (at, section) in sections().enumerate() {
        for (name, value) in components[section].as_object().into_iter().flatten() {
            if !is_wanted(&format!("#/components/{section}/{name}")) {
                continue;
            }
            let (name, value) = (Template::new(name.clone()), Template::new(text(value)));
            if name.words.is_empty() && value.words.is_empty() {
                fixed[at].insert(name.text, value.text);
            } else {
                templates.push((at, name, value));
            }
        }
    }
    (fixed, templates)
}

/// Adds the references to all components that a value refers to, also by other components.
fn find_needed(value: &Value, components: &Value, needed: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref")
                && needed.insert(target.clone())
                && let Some(pointer) = target.strip_prefix("#/components")
                && let Some(component) = components.pointer(pointer)
            {
                find_needed(component, components, needed);
            }
            members.values().for_each(|value| find_needed(value, components, needed));
        }
        Value::Array(elements) => {
            elements.iter().for_each(|value| find_needed(value, components, needed));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_the_places_of_their_placeholders() {
        let (name, noun) = (placeholder(0), placeholder(1));
        let template = Template::new(format!("/{name}/x{noun}{name}."));
        let words = ["books".to_owned(), format!("b{name}")];
        assert_eq!(template.fill(&words), format!("/books/xb{name}books."));
        assert_eq!(Template::new(String::new()).fill(&[]), "");
    }
}
