//! The style sheet and the icon, part of the binary. Their addresses contain a hash of their content, so that browsers
//! may keep them for ever and still get new ones after an upgrade.

use std::sync::LazyLock;

use crate::web::secret;

/// A file that pages refer to.
pub struct Asset {
    /// File name with hash, below `/assets/`.
    pub name: String,
    pub content_type: &'static str,
    pub content: &'static str,
}

pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    named(
        "style",
        "css",
        "text/css; charset=utf-8",
        include_str!("style.css"),
    )
});

pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| named("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

fn named(stem: &str, extension: &str, content_type: &'static str, content: &'static str) -> Asset {
    let hash = secret::to_hex(&secret::digest("asset", content)[..8]);
    Asset {
        name: format!("{stem}-{hash}.{extension}"),
        content_type,
        content,
    }
}

/// The asset with this file name.
pub fn find(name: &str) -> Option<&'static Asset> {
    [&*STYLE, &*ICON]
        .into_iter()
        .find(|asset| asset.name == name)
}
