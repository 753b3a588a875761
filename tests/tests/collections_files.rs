//! Collections that are declared in TOML, or by the files of a directory.

use e2e::{Home, Request, Shelf, Start};

fn start(home: &Home, collections: &str) -> Start {
    let path = home.path(collections).display().to_string();
    Shelf::start().home(home).setting("--collections", path)
}

#[tokio::test]
async fn collections_come_from_toml_and_from_a_directory() {
    let home = Home::new();
    let schema = "[properties]\nprice.default = 1.0\ntitle = { type = \"string\" }\n";
    home.write("schemas/book.toml", schema);
    let declaration = "require_precondition = true\nschema = \"../schemas/book.toml\"\n";
    home.write("all/books.toml", declaration);
    home.write("all/a-1.json", r#"{"schema": {"required": ["at"]}}"#);
    home.write("all/.draft.json", "not read");
    let declarations = "[books]\nrequire_precondition = true\nschema = \"schemas/book.toml\"\n\n\
                        [a-1.schema]\nrequired = [\"at\"]\n";
    home.write("all.toml", declarations);
    for collections in ["all", "all.toml"] {
        let shelf = start(&home, collections).spawn().await;
        let emma = || Request::put("/books/x", r#"{"title":"Emma"}"#);
        shelf.send(emma()).await.expect_problem(428, "precondition-required");
        let created = shelf.send(emma().header("If-None-Match", "*")).await;
        created.expect_item(201, "created", r#"{"title":"Emma","price":1.0}"#);
        shelf.send(Request::put("/a-1/x", "{}")).await.expect_problem(422, "invalid-item");
        shelf.send(Request::put("/a-1/x", r#"{"at":1}"#)).await.expect(201);
        shelf.stop().await;
    }
}

#[tokio::test]
async fn a_bad_file_stops_the_start_with_its_place() {
    let home = Home::new();
    home.write("date.toml", "[books.schema]\ndefault = 2024-02-29\n");
    home.write("other/readme.md", "# Books");
    home.write("twice/books.json", r#"{"schema":{}}"#);
    home.write("twice/books.toml", "[schema]\n");
    home.write("bad/books.toml", "[schema.properties.a]\ntype = \"thing\"\n");
    for (collections, words) in [
        ("date.toml", ["date.toml:2:11", "/books/schema/default", "dates"]),
        ("other", ["other/readme.md", "NAME.json", "NAME.toml"]),
        ("twice", ["twice/books.json", "twice/books.toml", "\"books\""]),
        ("bad", ["bad/books.toml", "\"books\"", "/properties/a/type"]),
    ] {
        let refused = start(&home, collections).refused().await;
        assert_ne!(refused.code, Some(0), "{}", refused.message);
        for word in words {
            assert!(refused.message.contains(word), "{word} is in: {}", refused.message);
        }
    }
}
