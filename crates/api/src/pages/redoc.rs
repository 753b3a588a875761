//! `/redoc`: the document as a text to read.

use contract::extract::Path;

use super::asset::{Asset, GetAsset, NoAsset};
use super::docs::File;

/// Redoc 2.5.4 (MIT), as `scripts/vendor-redoc` took it from its npm package.
static SCRIPT: &[u8] = include_bytes!("../../assets/redoc.standalone.js.gz");
static LICENSES: &str = include_str!("../../assets/redoc.standalone.js.LICENSE.txt");

/// Returns the page.
pub(crate) async fn redoc() -> GetAsset {
    Asset::html(include_str!("redoc.html"))
}

/// Returns a file of the page.
pub(crate) async fn redoc_asset(Path(File(name)): Path<File>) -> Result<GetAsset, NoAsset> {
    match name.as_str() {
        "redoc.standalone.js" => Ok(Asset::gzipped_script(SCRIPT)),
        "redoc.standalone.js.LICENSE.txt" => Ok(Asset::file("text/plain; charset=utf-8", LICENSES)),
        _ => Err(NoAsset::new()),
    }
}
