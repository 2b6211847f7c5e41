//! The types of documents that can be read.

use std::str::FromStr;

use strum::VariantArray as _;

/// Type of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray)]
pub(crate) enum DocumentType {
    Text,
    Markdown,
    Html,
    Csv,
    Json,
    Mail,
    Pdf,
    Docx,
    Pptx,
    Xlsx,
}

impl DocumentType {
    /// Returns the media type.
    pub(crate) fn media_type(self) -> &'static str {
        self.names().0
    }

    /// Returns the type that a file name ends with.
    pub(crate) fn from_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        let extension = extension.to_ascii_lowercase();
        let has_extension = |kind: &&Self| kind.names().2.contains(&extension.as_str());
        Self::VARIANTS.iter().find(has_extension).copied()
    }

    /// Returns whether the bytes are text, which a person can read without a program for the type.
    pub(crate) fn is_text(self) -> bool {
        match self {
            Self::Text | Self::Markdown | Self::Html | Self::Csv | Self::Json | Self::Mail => true,
            Self::Pdf | Self::Docx | Self::Pptx | Self::Xlsx => false,
        }
    }

    /// Returns the media type, its other names, and the extensions of file names.
    fn names(self) -> (&'static str, &'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Text => ("text/plain", &[], &["txt", "text", "log"]),
            Self::Markdown => ("text/markdown", &["text/x-markdown"], &["md", "markdown"]),
            Self::Html => ("text/html", &["application/xhtml+xml"], &["html", "htm", "xhtml"]),
            Self::Csv => (
                "text/csv",
                &["application/csv", "text/comma-separated-values", "text/tab-separated-values"],
                &["csv", "tsv"],
            ),
            Self::Json => (
                "application/json",
                &["text/json", "application/ld+json", "application/x-ndjson"],
                &["json", "jsonl", "ndjson"],
            ),
            Self::Mail => ("message/rfc822", &[], &["eml"]),
            Self::Pdf => ("application/pdf", &["application/x-pdf"], &["pdf"]),
            Self::Docx => {
                ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &[], &["docx"])
            }
            Self::Pptx => {
                ("application/vnd.openxmlformats-officedocument.presentationml.presentation", &[], &["pptx"])
            }
            Self::Xlsx => {
                ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &[], &["xlsx"])
            }
        }
    }
}

impl FromStr for DocumentType {
    type Err = ();

    /// Returns the type of a media type in lower case without parameters.
    fn from_str(media_type: &str) -> Result<Self, ()> {
        let has_name = |kind: &&Self| {
            let (name, others, _) = kind.names();
            name == media_type || others.contains(&media_type)
        };
        Self::VARIANTS.iter().find(has_name).copied().ok_or(())
    }
}
