//! `/docs`: Swagger UI, where operations can be tried out.

use std::sync::{Arc, LazyLock};

use contract::extract::{Path, PathParameter};
use serde_json::{Value, json};
use utoipa_swagger_ui::Config;

use super::asset::{Asset, GetAsset, NoAsset};

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Without `none` the page asks a public validator about the document.
    // Relative to the page, which may be below a prefix.
    let config = Config::new(["openapi-3.2.json"]).validator_url("none").use_base_layout();
    Arc::new(config.try_it_out_enabled(true).display_request_duration(true).deep_linking(true))
});

/// Returns the page.
pub(crate) async fn docs() -> GetAsset {
    Asset::html(include_str!("docs.html"))
}

/// `{file}`
#[derive(Debug)]
pub(crate) struct File(pub(crate) String);

impl PathParameter for File {
    const NAME: &'static str = "file";
    const DESCRIPTION: &'static str = "The name of a file that the page loads.";

    fn schema() -> Value {
        json!({ "type": "string" })
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

/// Returns a file of Swagger UI.
pub(crate) async fn docs_asset(Path(File(name)): Path<File>) -> Result<GetAsset, NoAsset> {
    let file = utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG)).ok().flatten();
    let file = file.filter(|_| !name.is_empty()).ok_or_else(NoAsset::new)?;
    Ok(Asset::file(file.content_type, file.bytes.into_owned()))
}
