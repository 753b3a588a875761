use std::fs;

use tempfile::TempDir;

use super::*;

const DECLARATION: &str = r#"{"schema": {}}"#;

/// A directory that holds these files.
fn files(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

/// Returns the collections at `path` but the built-in one: names, schemas, whether they demand a precondition.
fn loaded(path: &Path) -> Vec<(String, String, bool)> {
    let collections = load(Some(path)).unwrap();
    let declared = collections.iter().skip(1).map(|collection| {
        let name = collection.name().as_str().to_owned();
        (name, collection.schema().to_string(), collection.requires_precondition())
    });
    declared.collect()
}

fn names(path: &Path) -> Vec<String> {
    loaded(path).into_iter().map(|(name, ..)| name).collect()
}

/// Returns the error without the path of the directory.
fn refused(directory: &TempDir, name: &str) -> String {
    let error = load(Some(&directory.path().join(name))).unwrap_err();
    serve::logs::chain(&error).to_string().replace(&format!("{}/", directory.path().display()), "")
}

#[test]
fn toml_declares_what_json_declares() {
    let toml = r#"
        [readings]
        schema = "schemas/reading.toml"

        [books]
        require_precondition = true
        [books.schema.properties]
        title = { type = "string", minLength = 1 }
        price = { type = "number", default = 1.0 }
    "#;
    let json = r#"{
        "readings": {"schema": "schemas/reading.json"},
        "books": {"require_precondition": true, "schema": {"properties": {
            "title": {"type": "string", "minLength": 1},
            "price": {"type": "number", "default": 1.0}
        }}}
    }"#;
    let directory = files(&[
        ("collections.toml", toml),
        ("collections.json", json),
        ("collections", json),
        ("schemas/reading.toml", "type = \"object\"\nrequired = [\"at\"]\n"),
        ("schemas/reading.json", r#"{"type": "object", "required": ["at"]}"#),
    ]);
    let declared = loaded(&directory.path().join("collections.toml"));
    assert_eq!(declared.len(), 2);
    assert!(declared[1].1.contains("\"default\":1.0"), "{}", declared[1].1);
    for name in ["collections.json", "collections"] {
        assert_eq!(loaded(&directory.path().join(name)), declared);
    }
}

#[test]
fn a_directory_declares_a_collection_by_each_file_in_sorted_order() {
    let directory = files(&[
        ("all/b.json", DECLARATION),
        ("all/a-1.toml", "require_precondition = true\nschema = \"../schemas/a.toml\"\n"),
        ("all/a.toml", "[schema]\n"),
        ("all/.a.toml.swp", "not read"),
        ("all/.git/config", "not read"),
        ("schemas/a.toml", "title = \"A\""),
        ("none/.keep", ""),
    ]);
    let declared = loaded(&directory.path().join("all"));
    let [first, second, third] = &declared[..] else { panic!("{declared:?}") };
    assert_eq!(*first, ("a".to_owned(), "{}".to_owned(), false));
    assert_eq!(*second, ("a-1".to_owned(), r#"{"title":"A"}"#.to_owned(), true));
    assert_eq!(third.0, "b");
    assert_eq!(names(&directory.path().join("none")), [""; 0]);
}

/// As Kubernetes mounts a ConfigMap.
#[cfg(unix)]
#[test]
fn files_of_a_directory_can_be_links() {
    use std::os::unix::fs::symlink;

    let directory = files(&[("..2026/books.json", DECLARATION)]);
    symlink("..2026", directory.path().join("..data")).unwrap();
    symlink("..data/books.json", directory.path().join("books.json")).unwrap();
    assert_eq!(names(directory.path()), ["books"]);
    symlink("nowhere.json", directory.path().join("lost.json")).unwrap();
    assert!(refused(&directory, "").starts_with("lost.json: the file cannot be read"));
}

#[test]
fn a_directory_refuses_all_other_files() {
    for name in ["readme", "books.json~", "books.yaml", "books.JSON", "schemas/a.json", "a.json/x"]
    {
        let directory = files(&[("books.toml", "[schema]\n"), (name, DECLARATION)]);
        let error = refused(&directory, "");
        let name = name.split('/').next().unwrap_or_default();
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
        assert!(error.contains("NAME.json or NAME.toml"), "{error}");
    }
}

#[test]
fn two_files_of_one_collection_are_refused() {
    let directory = files(&[("books.json", DECLARATION), ("books.toml", "[schema]\n")]);
    assert_eq!(
        refused(&directory, ""),
        "books.toml: the collection \"books\" is declared in books.json, too; keep one of the files"
    );
}

#[test]
fn a_refusal_names_the_file_the_collection_and_the_place() {
    let bad_type = "[schema.properties.a]\ntype = \"thing\"\n";
    let array = r#"{"a": [{}, true]}"#;
    let directory = files(&[
        ("name/Books.toml", "[schema]\n"),
        ("dot/a.b.json", DECLARATION),
        ("taken/items.json", DECLARATION),
        ("member/a.toml", "[schema]\n[a]\n"),
        ("none/a.toml", ""),
        ("type/a.toml", bad_type),
        ("file/a.json", r#"{"schema": "../schema.toml"}"#),
        ("schema.toml", "[properties.a]\ntype = \"thing\"\n"),
        ("date.toml", "[a.schema]\n\ndefault = 2024-02-29\n"),
        ("date/a.toml", "[schema]\ndefault = 2024-02-29\n"),
        ("syntax.toml", "[a.schema]\n\ndefault = \n"),
        ("json/a.json", "[schema]"),
        ("array.json", array),
        ("text.toml", "a = \"schema.toml\"\n"),
    ]);
    for (name, beginning) in [
        ("name", "name/Books.toml: the collection \"Books\" cannot have this name: "),
        ("dot", "dot/a.b.json: the collection \"a.b\" cannot have this name: "),
        ("taken", "taken/items.json: the collection \"items\" cannot have this name: "),
        ("member", "member/a.toml: the declaration of \"a\" cannot be read: unknown field `a`"),
        ("none", "none/a.toml: the declaration of \"a\" cannot be read: missing field `schema`"),
        (
            "type",
            "type/a.toml: the schema of \"a\" cannot be used: the schema is invalid at \"/properties/a/type\": ",
        ),
        (
            "file",
            "file/../schema.toml: the schema of \"a\" cannot be used: the schema is invalid at \"/properties/a/type\": ",
        ),
        ("date.toml", "date.toml:3:11: \"/a/schema/default\": JSON has no dates and times"),
        ("date", "date/a.toml:2:11: \"/schema/default\": JSON has no dates and times"),
        ("syntax.toml", "syntax.toml:3:"),
        ("json", "json/a.json: this is no JSON: "),
        ("array.json", "array.json: the declaration of \"a\" is an object with"),
        ("text.toml", "text.toml: the declaration of \"a\" is an object with"),
    ] {
        let error = refused(&directory, name);
        assert!(error.starts_with(beginning), "{error}");
    }
}
